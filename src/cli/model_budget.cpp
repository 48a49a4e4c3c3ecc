#include "cli/model_budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/toml_table.h"
#include "cli/assignments.h"
#include "cli/samples.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"

namespace thimble::cli {
namespace {

/// A unit that a limit may be given in, and how many of the key's own it is.
struct Unit {
  std::string_view key;
  std::string_view name;
  double factor;
  double divisor = 1;
};

constexpr std::array<Unit, 16> kUnits = {{
    {"accuracy", "%", 1, 100},
    {"ram_bytes", "B", 1},
    {"ram_bytes", "KB", 1024},
    {"ram_bytes", "KiB", 1024},
    {"ram_bytes", "MB", 1024 * 1024},
    {"ram_bytes", "MiB", 1024 * 1024},
    {"flash_bytes", "B", 1},
    {"flash_bytes", "KB", 1024},
    {"flash_bytes", "KiB", 1024},
    {"flash_bytes", "MB", 1024 * 1024},
    {"flash_bytes", "MiB", 1024 * 1024},
    {"latency_ms", "us", 1, 1000},
    {"latency_ms", "ms", 1},
    {"latency_ms", "s", 1000},
    {"energy_uj", "uJ", 1},
    {"energy_uj", "mJ", 1000},
}};

/// One KEY=VALUE with the key of a recipe and a bare number.
std::string without_unit(const std::string& limit) {
  const size_t equals = limit.find('=');
  if (equals == std::string::npos) return limit;
  std::string key = limit.substr(0, equals);
  for (const Unit& unit : kUnits) {
    if (unit.key.starts_with(key + "_")) key = unit.key;
  }
  const std::string_view value = std::string_view(limit).substr(equals + 1);
  double number = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
  const std::string_view name = value.substr(static_cast<size_t>(end - value.data()));
  if (failed != std::errc() || name.empty()) return fmt::format("{}={}", key, value);
  for (const Unit& unit : kUnits) {
    if (unit.key != key || unit.name != name) continue;
    number = number * unit.factor / unit.divisor;
    return key.ends_with("_bytes") ? fmt::format("{}={:.0f}", key, std::floor(number))
                                   : fmt::format("{}={}", key, number);
  }
  throw Error(fmt::format("--budget {}", limit), fmt::format("has the unit '{}'", name),
              "Write ram=10KB, flash=32KB, latency=20ms, energy=500uJ, accuracy=97%", ExitCode::kUsage);
}

}  // namespace

deploy::Limits parse_budget(const std::vector<std::string>& limits) {
  std::vector<std::string> single = limits;
  std::ranges::transform(single, single.begin(), without_unit);
  return deploy::parse_limits(TomlTable::parse(toml_of(single, "--budget"), "--budget"));
}

void add_budget_option(CLI::App& verb, std::vector<std::string>& limits, const std::string& help) {
  verb.add_option("--budget", limits, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE");
}

ModelBudget::ModelBudget(const std::vector<std::string>& limits, const std::string& device_name)
    : limits_(parse_budget(limits)) {
  const bool costs = limits_.latency_ms || limits_.energy_uj || limits_.ram_bytes || limits_.flash_bytes;
  if (costs && device_name.empty()) {
    throw Error("--budget", "limits what the model costs on a device, and none is named",
                "Name one: --device nano33ble", ExitCode::kUsage);
  }
  if (device_name.empty()) return;
  device::DeviceProfile device = device::load_device(device_name);
  if (costs) device_ = std::move(device);
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
