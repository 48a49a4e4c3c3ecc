#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "data/dataset.h"
#include "device/profile.h"
#include "graph/graph.h"
#include "pipeline/recipe.h"

namespace thimble::pipeline {

/// What shall fit where.
struct FitRequest {
  std::string command;  ///< as it was given; the recipe's first line
  std::string model;    ///< "zoo:NAME", which a recipe trains first, or the path of a trained model
  std::string data;
  std::string device;
  uint64_t seed = 1;
  Budget budget;
};

/// The text of a recipe whose network keeps the budget's limits, and the device's, on everything but
/// accuracy, with as much of the network left as that allows: whole in 8 bits; else with a part of its
/// channels, or in 4 bits where that leaves 1.4 times as many multiplications. Its costs are those of
/// networks that are cut and rounded without training, compiled for the device's core and counted on its
/// emulator. What recovers is taught by the whole network.
///
/// `training` calibrates; `say` gets a line on each network that was tried. Throws Error with
/// ExitCode::kBudget, naming what the smallest one misses, when none fits; for a quantized network; and as
/// its parts do.
std::string recipe_that_fits(const FitRequest& request, const Graph& network, const data::Dataset& training,
                             const device::DeviceProfile& device,
                             const std::function<void(std::string_view)>& say);

}  // namespace thimble::pipeline
