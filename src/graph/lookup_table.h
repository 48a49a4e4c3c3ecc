#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace thimble {

/// The results for -128 ... 127 of an operator whose int8 form is a function of one element alone: what
/// TensorFlow Lite Micro's reference kernels compute in fixed point (Sigmoid and Tanh on gemmlowp's functions
/// in Q4.27, HardSwish in 16 bits, LeakyRelu with two multipliers). Both tensors have one scale. Throws Error
/// naming `node_name` where TensorFlow Lite defines no result for these scales.
std::array<int8_t, 256> lookup_table(const Operator& op, const Quantization& input,
                                     const Quantization& output, std::string_view node_name);

/// What TensorFlow Lite's int16 kernels of Softmax, Sigmoid and Tanh interpolate between. Softmax: exp(x) at
/// 513 places of [-10, 0], then 1 / (1 + x) at 513 of [0, 1], in 32768ths, each moved by half of what the
/// line between two of them misses at its middle. Sigmoid and Tanh: 65536 / (1 + exp(-i / 24)) - 32768 for i
/// = 0 ... 255.
std::vector<int16_t> interpolation_table(const Operator& op);

/// The one quantization that an operator's integer result of `type` can have: Softmax, Sigmoid and Tanh have
/// a fixed one.
std::optional<Quantization> fixed_quantization(const Operator& op, DataType type);

}  // namespace thimble
