#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "graph/graph.h"
#include "kernels/generic/parameters.h"

namespace thimble {

/// All that a kernel needs besides the addresses of its tensors. The integer reference passes it to the
/// kernel; the C writer prints it into the generated C. Both so compute with the same numbers.
struct KernelCall {
  using Parameters =
      std::variant<thimble_conv2d_parameters, thimble_depthwise_conv2d_parameters,
                   thimble_fully_connected_parameters, thimble_add_parameters, thimble_mul_parameters,
                   thimble_pool2d_parameters, thimble_mean_parameters, thimble_softmax_parameters,
                   thimble_copy_parameters, std::vector<thimble_concat_piece>, thimble_pad_parameters,
                   thimble_requantize_parameters, thimble_quantize_parameters, thimble_dequantize_parameters,
                   thimble_batch_norm_parameters, thimble_relu_parameters, thimble_leaky_relu_parameters,
                   thimble_elementwise_parameters, thimble_sigmoid_parameters, thimble_select_parameters,
                   thimble_strided_copy_parameters>;

  Parameters parameters;  ///< of a Concat: one piece, and so one call of the kernel, an input
  /// Fixed-point factor of each output channel (value * 2^-31 * 2^shift, TensorFlow Lite's form); empty where
  /// the kernel takes none.
  std::vector<int32_t> multipliers;
  std::vector<int32_t> shifts;
  /// The 256 results of a function of one int8; empty where the kernel takes no table.
  std::vector<int8_t> table;
  std::vector<int16_t> interpolated = {};  ///< interpolation_table; empty where the kernel takes none
};

/// The call that computes a node of a valid graph (batch size 1). Throws Error naming the node when no kernel
/// does what it asks: "operator X on type Y".
KernelCall kernel_call(const Graph& graph, const Node& node);

/// The portable kernel of a node. Its arguments are, in this order: the parameters, the node's inputs (NULL
/// for a bias left out), the multipliers and shifts or a table if it takes them, the output. Concat's takes
/// one input, and is called for each.
struct KernelName {
  std::string function;  ///< "thimble_conv2d_generic_s8"
  std::string header;    ///< "generic/conv2d_s8.h"
};
KernelName generic_kernel(const Graph& graph, const Node& node);

/// The real factor as a 32-bit fixed-point multiplier and a power of two, by TensorFlow Lite's
/// QuantizeMultiplier: real = multiplier * 2^-31 * 2^shift, multiplier in [2^30, 2^31) or 0.
void quantize_multiplier(double real, int32_t* multiplier, int32_t* shift);

}  // namespace thimble
