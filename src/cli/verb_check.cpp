#include <fmt/format.h>

#include "base/error.h"
#include "cli/common.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "deploy/check.h"
#include "deploy/prepare.h"
#include "device/profile.h"

namespace thimble::cli {
namespace {

struct Outcome {
  std::vector<Finding> problems;
  std::optional<deploy::Check> check;  ///< nothing for a model that cannot be read
};

Outcome check_model(const std::string& model, uint64_t seed, const device::DeviceProfile& device) {
  try {
    const Graph graph = deploy::prepare(load_model(model, seed));
    deploy::Check check = deploy::check(graph, device);
    return {check.problems, std::move(check)};
  } catch (const ModelError& error) {
    return {error.findings(), std::nullopt};
  }
}

nlohmann::json document_of(const Outcome& outcome, const deploy::Budget& budget) {
  using nlohmann::json;
  json document = {{"device", budget.device},
                   {"ok", outcome.problems.empty() && outcome.check && outcome.check->excesses.empty()},
                   {"problems", json::array()},
                   {"over_budget", json::array()},
                   {"ram_limit_bytes", budget.ram_bytes},
                   {"flash_limit_bytes", budget.flash_bytes}};
  for (const Finding& problem : outcome.problems) {
    document["problems"].push_back(
        {{"where", problem.where}, {"reason", problem.reason}, {"remedy", problem.remedy}});
  }
  for (const char* figure : {"macs", "arena_bytes", "arena_lower_bound_bytes", "weights_bytes"}) {
    document[figure] = nullptr;
  }
  if (!outcome.problems.empty()) {
    document["why"] = "figures need a model whose operators are all supported";
  }
  if (!outcome.check) return document;
  const deploy::Check& check = *outcome.check;
  for (const deploy::Excess& excess : check.excesses) {
    document["over_budget"].push_back({{"memory", excess.memory},
                                       {"needed_bytes", excess.needed_bytes},
                                       {"limit_bytes", excess.limit_bytes},
                                       {"reason", excess.reason},
                                       {"remedy", excess.remedy}});
  }
  document["operators"] = check.operators;
  document["macs"] = check.macs;
  document["arena_bytes"] = check.arena_bytes;
  document["arena_lower_bound_bytes"] = check.arena_lower_bound_bytes;
  if (check.weights_bytes) document["weights_bytes"] = *check.weights_bytes;
  return document;
}

std::string share(uint64_t bytes, uint64_t limit) {
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(bytes) / static_cast<double>(limit));
}

std::string text_of(const Outcome& outcome, const deploy::Budget& budget) {
  std::string text;
  for (const Finding& problem : outcome.problems) {
    text += wrapped(fmt::format("- {}: {}. {}.", problem.where, problem.reason, problem.remedy)) + "\n";
  }
  if (!outcome.check) return text;
  const deploy::Check& check = *outcome.check;
  std::string operators;
  for (const auto& [name, count] : check.operators) {
    operators += fmt::format("{}{} {}", operators.empty() ? "" : ", ", count, name);
  }
  text += wrapped(fmt::format("operators: {}", operators)) + "\n\n";
  Table table({budget.device, "needed", "limit", "taken"});
  table.add({"RAM: arena", grouped(check.arena_bytes) + " B", grouped(budget.ram_bytes) + " B",
             share(check.arena_bytes, budget.ram_bytes)});
  if (check.weights_bytes) {
    table.add({"flash: weights", grouped(*check.weights_bytes) + " B", grouped(budget.flash_bytes) + " B",
               share(*check.weights_bytes, budget.flash_bytes)});
  }
  return text + table.text() +
         fmt::format("{} multiply-accumulates; code and stack come on top (thimble profile)\n",
                     grouped(check.macs));
}

}  // namespace

void add_check(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string device_name;
  CLI::App* verb = add_verb(program, "check", "all that stands between a model and a device",
                            "Lists every operator, type and shape that is not supported, and what to do;\n"
                            "and the RAM and flash that the model would take. Builds nothing.",
                            "thimble check model.tflite --device nano33ble", common);
  verb->add_option("MODEL", model, "an .onnx or .tflite file, or zoo:NAME")->required()->option_text(" ");
  verb->add_option("--device", device_name, "a device's name, or the path of a profile")
      ->required()
      ->option_text("NAME (required)");
  verb->callback([] {
    const device::DeviceProfile device = device::load_device(device_name);
    const deploy::Budget budget = deploy::budget_of(device);
    const Outcome outcome = check_model(model, common.seed, device);
    print(common, document_of(outcome, budget), text_of(outcome, budget));
    if (!outcome.problems.empty()) {
      throw Error(
          model, fmt::format("has {} thing(s) that are not supported, listed above", outcome.problems.size()),
          "Mend them and check again");
    }
    if (!outcome.check->excesses.empty()) {
      const deploy::Excess& first = outcome.check->excesses[0];
      std::string remedy = first.remedy;
      if (outcome.check->excesses.size() > 1) {
        const deploy::Excess& second = outcome.check->excesses[1];
        remedy += fmt::format(". It also {}. {}", second.reason, second.remedy);
      }
      throw Error(fmt::format("{} on {}", model, budget.device), first.reason, remedy, ExitCode::kBudget);
    }
  });
}

}  // namespace thimble::cli
