#pragma once

#include <functional>
#include <vector>

#include "deploy/budget.h"
#include "device/profile.h"
#include "graph/graph.h"
#include "pipeline/recipe.h"

namespace thimble::pipeline {

/// Goes through a recipe with the network's shapes alone, before anything trains, and throws the Error that a
/// stage would end in hours later: a layer to prune, round, redesign or hint at that is not there or has no
/// kernel of these bits, a model file that a stage brings in and that is missing (`others_of` reads them: the
/// teachers and, last, a distill stage's student), a teacher for other data or classes, and where the shapes
/// are known in advance (channels leave each layer alike, or as named) too little RAM or flash for what is
/// deployed in `budget`. What cannot be known in advance is let pass.
void expect_possible(const Recipe& recipe, const Graph& network, const device::DeviceProfile& device,
                     const deploy::Budget& budget,
                     const std::function<std::vector<Graph>(const Stage&)>& others_of);

}  // namespace thimble::pipeline
