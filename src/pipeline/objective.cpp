#include "pipeline/objective.h"

#include <fmt/format.h>

namespace thimble::pipeline {
namespace {

struct Term {
  const char* name;
  double weight;
  std::optional<double> own;
  std::optional<double> of_baseline;
};

std::optional<double> error_of(const Costs& costs) {
  return costs.accuracy ? std::optional(1 - *costs.accuracy) : std::nullopt;
}

}  // namespace

ObjectiveWeights parse_weights(TomlTable table, const ObjectiveWeights& otherwise) {
  ObjectiveWeights weights;
  weights.error = table.number("error", 0, 1e6, otherwise.error);
  weights.latency = table.number("latency", 0, 1e6, otherwise.latency);
  weights.size = table.number("size", 0, 1e6, otherwise.size);
  weights.energy = table.number("energy", 0, 1e6, otherwise.energy);
  table.expect_no_other_keys();
  return weights;
}

Objective objective(const Costs& costs, const Costs& baseline, const ObjectiveWeights& weights,
                    const Budget& budget) {
  const Term terms[] = {{"error", weights.error, error_of(costs), error_of(baseline)},
                        {"latency", weights.latency, costs.latency_ms, baseline.latency_ms},
                        {"size", weights.size, costs.flash_bytes, baseline.flash_bytes},
                        {"energy", weights.energy, costs.energy_uj, baseline.energy_uj}};
  Objective result;
  double sum = 0;
  for (const Term& term : terms) {
    if (term.weight == 0 || !result.why.empty()) continue;
    if (!term.own || !term.of_baseline) {
      result.why = fmt::format("the {} {} was not measured", term.name,
                               term.own ? "of the baseline" : "of the network");
    } else if (!(*term.of_baseline > 0)) {
      result.why = fmt::format("the {} of the baseline is zero", term.name);
    } else {
      sum += term.weight * *term.own / *term.of_baseline;
    }
  }
  if (result.why.empty()) result.value = sum;

  const auto limit = [&](const char* name, std::optional<double> allowed, std::optional<double> own,
                         double sign) {
    if (!allowed) return;
    if (!own) {
      result.broken.push_back(fmt::format("{} was not measured", name));
    } else if (sign * *own > sign * *allowed) {
      result.broken.push_back(
          fmt::format("{} is {}, allowed is {} {}", name, *own, sign > 0 ? "at most" : "at least", *allowed));
    }
  };
  limit("accuracy", budget.accuracy, costs.accuracy, -1);
  limit("RAM in bytes", budget.ram_bytes, costs.ram_bytes, 1);
  limit("flash in bytes", budget.flash_bytes, costs.flash_bytes, 1);
  limit("latency in ms", budget.latency_ms, costs.latency_ms, 1);
  limit("energy in uJ", budget.energy_uj, costs.energy_uj, 1);
  return result;
}

}  // namespace thimble::pipeline
