#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "graph/graph.h"
#include "graph/quantize_from_ranges.h"

namespace thimble::quantize {

/// The smallest and largest value of every activation of a float32 graph over the given samples: min-max
/// calibration (Jacob et al., CVPR 2018, section 3). One entry a tensor; those of constants are empty ranges.
/// Throws Error naming the tensor when a value is not finite, and when `indices` is empty.
std::vector<Range> calibrate(const Graph& graph, const data::Dataset& dataset,
                             std::span<const size_t> indices);

}  // namespace thimble::quantize
