#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "graph/graph.h"

namespace thimble {

/// Whether an operator's int8 form is a function of one element alone, which a table of 256 results holds.
bool has_lookup_table(const Operator& op);

/// The results of such an operator for -128 ... 127: what TensorFlow Lite Micro's reference kernels compute
/// in fixed point (Sigmoid and Tanh on gemmlowp's functions in Q4.27, HardSwish in 16 bits, LeakyRelu with
/// two multipliers). Both tensors have one scale. Throws Error naming `node_name` where TensorFlow Lite
/// defines no result for these scales.
std::array<int8_t, 256> lookup_table(const Operator& op, const Quantization& input,
                                     const Quantization& output, std::string_view node_name);

/// The one quantization that an operator's int8 result can have: Softmax, Sigmoid and Tanh have a fixed one.
std::optional<Quantization> fixed_quantization(const Operator& op);

}  // namespace thimble
