#pragma once

#include <cstdint>

#include "base/random.h"
#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::quantize {

struct PostTrainingOptions {
  size_t samples = 500;  ///< calibration samples, drawn evenly over the classes
  uint64_t seed = 1;
};

/// The int8 form of a trained float32 graph: batch norms folded, activations fused, ranges by min-max
/// calibration on samples of `dataset` (give the training split), weights per output channel. See
/// quantize_from_ranges.
Graph post_training_quantize(const Graph& graph, const data::Dataset& dataset,
                             const PostTrainingOptions& options);

}  // namespace thimble::quantize
