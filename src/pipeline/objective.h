#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/toml_table.h"
#include "pipeline/recipe.h"

namespace thimble::pipeline {

/// What a deployed network comes to; what was not measured is empty.
struct Costs {
  std::optional<double> accuracy;  ///< of the whole test split, 0 to 1
  std::optional<double> latency_ms;
  std::optional<double> energy_uj;
  std::optional<double> ram_bytes;
  std::optional<double> flash_bytes;  ///< its size
};

/// Weights of the objective's terms; one of zero leaves its term out.
struct ObjectiveWeights {
  double error = 0.25;
  double latency = 0.25;
  double size = 0.25;
  double energy = 0.25;

  bool operator==(const ObjectiveWeights&) const = default;
};

/// A table of weights by these names, those that are left out being `otherwise`. Throws Error with the line
/// for an unknown key and a weight below zero.
ObjectiveWeights parse_weights(TomlTable table, const ObjectiveWeights& otherwise = {});

/// J = sum_k w_k (m_k / m_k,baseline) over error (1 - accuracy), latency, size and energy
/// (docs/architecture.md, section 8), with the budget as hard limits.
struct Objective {
  std::optional<double> value;      ///< less is better; the baseline's own is the sum of the weights
  std::string why;                  ///< why there is no value: a figure is missing, or the baseline's is zero
  std::vector<std::string> broken;  ///< each limit that is not met, or whose figure is missing, in words
};

Objective objective(const Costs& costs, const Costs& baseline, const ObjectiveWeights& weights,
                    const Budget& budget);

}  // namespace thimble::pipeline
