#include "cli/model_budget.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/toml_table.h"
#include "cli/assignments.h"
#include "cli/samples.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"

namespace thimble::cli {

void add_budget_option(CLI::App& verb, std::vector<std::string>& limits) {
  verb.add_option("--budget", limits, "exit 3 if it misses accuracy, latency_ms, ...")
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE");
}

ModelBudget::ModelBudget(const std::vector<std::string>& limits, const std::string& device_name)
    : limits_(deploy::parse_limits(TomlTable::parse(toml_of(limits), "--budget"))) {
  const bool costs = limits_.latency_ms || limits_.energy_uj || limits_.ram_bytes || limits_.flash_bytes;
  if (!costs) return;
  if (device_name.empty()) {
    throw Error("--budget", "limits what the model costs on a device, and none is named",
                "Name one: --device nano33ble", ExitCode::kUsage);
  }
  device_ = device::load_device(device_name);
}

void ModelBudget::expect_measurable(std::string_view data_name) const {
  if (asks_for_accuracy() && data_name.empty()) {
    throw Error("--budget accuracy", "needs --data to measure on", "Name a data set", ExitCode::kUsage);
  }
}

void ModelBudget::check(const Graph& model, std::string_view name, uint64_t seed,
                        std::optional<double> accuracy, std::string_view kept,
                        const deploy::GeneratedC* program) const {
  std::optional<deploy::Profile> profile;
  if (device_) {
    const Graph graph = deploy::prepare(model);
    const std::vector<std::byte> sample = random_inputs(graph, 1, seed).front();
    profile = program != nullptr ? deploy::profile(graph, *program, *device_, sample)
                                 : deploy::profile(graph, *device_, sample);
  }
  const std::vector<deploy::Miss> missed = deploy::misses(limits_, profile, accuracy);
  if (missed.empty()) return;
  std::string reason =
      fmt::format("misses its budget{}: {}", device_ ? " on " + device_->name : "", missed[0].text);
  for (size_t i = 1; i < missed.size(); ++i) reason += "; " + missed[i].text;
  throw Error(
      std::string(name), reason,
      fmt::format("{}. Take a smaller network or a larger one for more accuracy, fewer bits, or relax "
                  "that limit",
                  kept),
      ExitCode::kBudget);
}

}  // namespace thimble::cli
