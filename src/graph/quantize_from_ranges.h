#pragma once

#include <vector>

#include "graph/graph.h"

namespace thimble {

/// The smallest and largest value that a tensor took on calibration data.
struct Range {
  float low = 0;
  float high = 0;
};

/// The int8 form of a float32 graph (TensorFlow Lite int8 quantization specification), from given ranges.
///
/// `ranges` has one entry a tensor of `graph`; those of constants are not read. Activations become int8 with
/// a zero point, their range widened to hold 0 (exactly representable); weights become symmetric int8 in
/// [-127, 127], per output channel for convolutions, one scale for a dense layer (many TensorFlow Lite
/// runtimes and NPU compilers know no other); biases int32 at scale s_in * s_w. Pooling, Reshape, Transpose,
/// Slice, ResizeNearest, Pad, Concat, Maximum and Minimum keep one scale over inputs and outputs; the outputs
/// of Softmax, Sigmoid and Tanh have their fixed one (fixed_quantization). Inputs and outputs of the graph
/// become int8. Throws Error naming the tensor when a range is missing or not finite, or when a batch norm is
/// left in the graph.
Graph quantize_from_ranges(const Graph& graph, const std::vector<Range>& ranges);

}  // namespace thimble
