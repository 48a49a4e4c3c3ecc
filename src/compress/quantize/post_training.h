#pragma once

#include <cstdint>

#include "compress/quantize/calibrate.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "graph/quantize_from_ranges.h"

namespace thimble::quantize {

struct PostTrainingOptions {
  size_t samples = 500;  ///< calibration samples, drawn evenly over the classes
  uint64_t seed = 1;
  CalibrationOptions calibration = {};
  QuantizeOptions weights = {};  ///< bits, of all layers or of some
};

/// The integer form of a trained float32 graph: batch norms folded, activations fused, ranges calibrated on
/// samples of `dataset` (give the training split). See quantize_from_ranges.
Graph post_training_quantize(const Graph& graph, const data::Dataset& dataset,
                             const PostTrainingOptions& options);

}  // namespace thimble::quantize
