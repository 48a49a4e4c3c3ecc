#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compress/quantize/calibrate.h"
#include "compress/quantize/fidelity.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "graph/quantize_from_ranges.h"
#include "train/fake_quantizer.h"

namespace thimble::quantize {

struct PostTrainingOptions {
  size_t samples = 500;  ///< calibration samples, drawn evenly over the classes
  uint64_t seed = 1;
  CalibrationOptions calibration = {};
  bool choose_rule = false;  ///< the rule whose 8-bit form is nearest to the float32 network on the samples
  QuantizeOptions weights = {};  ///< bits, of all layers or of some
  // What improves on rounding to the nearest, in this order.
  bool equalize = false;              ///< quantize::equalize
  bool least_squares_scales = false;  ///< of weights
  bool adaptive_rounding = false;
  bool bias_correction = false;
  int threads = 0;  ///< 0: all cores; the result does not depend on it
};

/// A step of post-training quantization and what the network was like after it, on the calibration samples.
struct Gain {
  std::string step;
  Fidelity fidelity;
};

struct PostTraining {
  Graph integer;
  train::FakeQuantizedGraph network;  ///< the same, in float32
  std::vector<Gain> gains;            ///< from plain rounding on; empty when nothing improves on it
  std::vector<std::string> notes;     ///< what could not be done to some layers
  std::vector<size_t> samples;        ///< indices of the calibration samples
};

/// The float32 graph that quantization begins with: batch norms folded, activations fused. Throws Error when
/// it is quantized already.
Graph folded_graph(const Graph& graph);

/// The calibration rule whose 8-bit form says what is nearest to the float32 network on the samples.
RangeRule nearest_rule(const Graph& graph, const data::Dataset& dataset, const PostTrainingOptions& options);

/// The integer form of a trained float32 graph: batch norms folded, activations fused, ranges calibrated on
/// samples of `dataset` (give the training split), and what the options switch on. See quantize_from_ranges.
PostTraining post_training(const Graph& graph, const data::Dataset& dataset,
                           const PostTrainingOptions& options);

/// Its integer form alone.
Graph post_training_quantize(const Graph& graph, const data::Dataset& dataset,
                             const PostTrainingOptions& options);

}  // namespace thimble::quantize
