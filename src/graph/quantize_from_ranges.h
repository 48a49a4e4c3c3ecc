#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace thimble {

/// The smallest and largest value that a tensor took on calibration data.
struct Range {
  float low = 0;
  float high = 0;
};

/// How the weights of a layer become integers.
struct WeightQuantization {
  int32_t bits = 8;  ///< 2, 3, 4 or 8
  /// real = scale * integer, one for each output channel or one for the layer; empty: those at which the
  /// largest weight becomes the largest integer.
  std::vector<float> scales = {};
};

struct QuantizeOptions {
  int32_t bits = 8;  ///< of the weights of every layer that is not in `layers`
  std::map<std::string, WeightQuantization> layers = {};  ///< by the node's name
  int32_t activations = 8;  ///< bits of what every node reads and gives that is not in `layer_activations`
  std::map<std::string, int32_t> layer_activations = {};  ///< 8 or 16, by the node's name
};

/// Conv2D, DepthwiseConv2D or FullyConnected: input 1 holds weights, input 2 a bias.
bool has_weights(const Operator& op);

/// The axis of the weights' output channels, of an operator that has weights.
int32_t output_channel_axis(const Operator& op);

/// Integers of weights lie in [-n, n]: 127, 7, 3 and 1 for 8, 4, 3 and 2 bits.
int32_t largest_weight(int32_t bits);

/// Whether quantize_from_ranges gives the layer's weights a scale for each output channel by itself, or one:
/// many TensorFlow Lite runtimes and NPU compilers know dense layers of 8 bits with one scale alone, and none
/// of them knows those of 4.
bool takes_channel_scales(const Operator& op, int32_t bits);

/// The quantization of an int8 or int16 activation with this range, which is widened to hold 0 (exactly
/// representable) and, for int16, made symmetric.
Quantization activation_quantization(Range range, DataType type = DataType::kInt8);

/// One tensor for each set of tensors that an integer form gives one scale, at every tensor of the set: those
/// that an operator only moves or chooses (pooling, Reshape, Transpose, Slice, ResizeNearest, Pad) or joins
/// (Concat, Maximum, Minimum).
std::vector<TensorId> scale_groups(const Graph& graph);

/// The integer form of a float32 graph (TensorFlow Lite int8 quantization specification), from given ranges.
///
/// `ranges` has one entry a tensor of `graph`; those of constants are not read. Activations become int8 with
/// a zero point, or int16 without one (activation_quantization); a Quantize is put
/// where a node of 8 bits reads what one of 16 gives, and the other way round. Weights become symmetric
/// integers of the options' bits: int8, or int4 for 4 bits and fewer (Quantization::bits says how many are
/// used); takes_channel_scales says where each output channel has its own scale. Biases become int32, or
/// int64 beside int16 activations, at scale s_in * s_w. The tensors of a scale group share one scale; the
/// outputs of Softmax, Sigmoid and Tanh have their fixed one (fixed_quantization). Inputs of the graph have
/// the bits of `activations`, outputs those of their node. Tensors of `graph` keep their ids. Throws Error
/// naming the tensor when a range is missing or not finite or a batch norm is left in the graph, and naming
/// the layer when its bits or scales are not possible, no kernel computes it on int16 or there is no such
/// layer.
Graph quantize_from_ranges(const Graph& graph, const std::vector<Range>& ranges,
                           const QuantizeOptions& options = {});

}  // namespace thimble
