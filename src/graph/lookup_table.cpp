#include "graph/lookup_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "graph/kernel_call.h"
#include "kernels/generic/fixed_point.h"
#include "kernels/generic/softmax_s8.h"

// Qm.n is an int32 of m integer and n fractional bits.

namespace thimble {
namespace {

[[noreturn]] void fail(const Operator& op, std::string_view node, std::string_view reason) {
  throw Error(fmt::format("{} '{}'", name_of(op), node), reason,
              "Quantize the model again, or correct the scales in its file");
}

struct FixedPoint {
  int32_t multiplier = 0;
  int32_t shift = 0;
};

FixedPoint fixed_point(const Operator& op, std::string_view node, double real) {
  FixedPoint result;
  quantize_multiplier(real, &result.multiplier, &result.shift);
  if (result.shift > 31) fail(op, node, "its scales are too far apart for 32-bit arithmetic");
  return result;
}

int32_t scaled(int32_t x, FixedPoint factor) {
  return thimble_multiply_by_quantized_multiplier(x, factor.multiplier, factor.shift);
}

int8_t clamped(int32_t x) { return static_cast<int8_t>(std::clamp(x, -128, 127)); }

/// exp(x) for x <= 0, Q4.27 -> Q0.31: thimble_exp_negative for one integer bit less.
int32_t exp_negative_q4(int32_t x) {
  // exp(-2^k) for k = -2 ... 3, Q0.31
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401};
  constexpr int32_t kQuarter = 1 << 25;
  if (x == 0) return INT32_MAX;
  const int32_t last = (x & (kQuarter - 1)) - kQuarter;
  const uint32_t digits = static_cast<uint32_t>(last) - static_cast<uint32_t>(x);
  int32_t result = thimble_exp_quarter(static_cast<int32_t>(static_cast<uint32_t>(last) << 4));
  for (size_t k = 0; k < std::size(kFactors); ++k) {
    if ((digits & (uint32_t{1} << (25 + k))) != 0) result = thimble_high_multiply(result, kFactors[k]);
  }
  return result;
}

/// 1 / (1 + exp(-x)), Q4.27 -> Q0.31
int32_t sigmoid(int32_t x) {
  if (x == 0) return 1 << 30;
  const int32_t positive = thimble_reciprocal_of_one_plus(exp_negative_q4(x > 0 ? -x : x));
  return x > 0 ? positive : INT32_MAX - positive;
}

/// (1 - x) / (1 + x) for x in [0, 1), Q0.31: as thimble_reciprocal_of_one_plus, whose last steps differ.
int32_t one_minus_over_one_plus(int32_t x) {
  constexpr int32_t kFortyEight17ths = 1515870810;
  constexpr int32_t kMinusThirtyTwo17ths = -1010580540;
  constexpr int32_t kOne = 1 << 29;  // Q2.29
  const auto half_denominator = static_cast<int32_t>((int64_t{x} + INT32_MAX + 1) / 2);
  int32_t r = kFortyEight17ths + thimble_high_multiply(half_denominator, kMinusThirtyTwo17ths);
  for (int step = 0; step < 3; ++step) {
    const int32_t error = kOne - thimble_high_multiply(half_denominator, r);
    r += thimble_saturating_shift_left(thimble_high_multiply(r, error), 2);
  }
  return thimble_saturating_shift_left(r - kOne, 2);
}

/// Q4.27 -> Q0.31
int32_t tanh(int32_t x) {
  if (x == 0) return 0;
  // exp(-2 |x|): the same integer read as Q5.26 is twice the number.
  const int32_t t = one_minus_over_one_plus(thimble_exp_negative(x > 0 ? -x : x));
  return x > 0 ? t : -t;
}

/// Sigmoid and Tanh: inputs in Q4.27, saturated where those end, outputs of `fraction_bits` below the point.
template <typename Function>
std::array<int8_t, 256> saturating_table(const Operator& op, std::string_view node, const Quantization& input,
                                         const Function& function, int32_t fraction_bits,
                                         int32_t output_zero_point) {
  constexpr int kIntegerBits = 4;
  const FixedPoint factor = fixed_point(op, node, double{input.scales[0]} * (1 << (31 - kIntegerBits)));
  const double radius =
      std::floor(std::ldexp(double{(1 << kIntegerBits) - 1}, 31 - kIntegerBits - factor.shift));
  std::array<int8_t, 256> table{};
  for (int32_t q = -128; q < 128; ++q) {
    const int32_t x = q - input.zero_points[0];
    int8_t& result = table[static_cast<size_t>(q + 128)];
    if (x <= -radius) {
      result = -128;
    } else if (x >= radius) {
      result = 127;
    } else {
      result = clamped(thimble_rounding_shift_right(function(scaled(x, factor)), 31 - fraction_bits) +
                       output_zero_point);
    }
  }
  return table;
}

// HardSwish is defined in 16 bits.

int16_t narrowed_multiplier(int32_t multiplier) {
  constexpr int32_t kHalf = 1 << 15;
  if (multiplier >= INT32_MAX - kHalf) return INT16_MAX;
  return static_cast<int16_t>((multiplier + kHalf) >> 16);
}

int16_t saturated(int64_t x) { return static_cast<int16_t>(std::clamp<int64_t>(x, INT16_MIN, INT16_MAX)); }

/// a * b / 2^15, rounded to nearest, ties upward
int16_t rounding_high_multiply(int16_t a, int16_t b) { return saturated((int32_t{a} * b + (1 << 14)) >> 15); }

/// a * b / 2^15, rounded toward zero
int16_t truncating_high_multiply(int16_t a, int16_t b) { return saturated(int32_t{a} * b / (1 << 15)); }

std::array<int8_t, 256> hard_swish_table(const Operator& op, std::string_view node, const Quantization& input,
                                         const Quantization& output) {
  // Single precision, as there.
  const float fine_scale = 1.0F / 128.0F * input.scales[0];
  const float relu_scale = 3.0F / 32768.0F;
  const FixedPoint to_output = fixed_point(op, node, double{fine_scale / output.scales[0]});
  const FixedPoint to_relu = fixed_point(op, node, double{fine_scale / relu_scale});
  if (to_output.shift > 0) fail(op, node, "the scale of its output is far below that of its input");
  const int16_t output_factor = narrowed_multiplier(to_output.multiplier);
  const int16_t relu_factor = narrowed_multiplier(to_relu.multiplier);
  std::array<int8_t, 256> table{};
  for (int32_t q = -128; q < 128; ++q) {
    const auto x = static_cast<int16_t>((q - input.zero_points[0]) * (1 << 7));
    const int16_t value = rounding_high_multiply(x, output_factor);
    // [-3, 3] to [-1, 1], saturating; the last bit of a left shift comes after the multiplication.
    int16_t relu = x;
    if (to_relu.shift > 0) relu = saturated(int64_t{relu} * (int64_t{1} << (to_relu.shift - 1)));
    relu = rounding_high_multiply(relu, relu_factor);
    if (to_relu.shift > 0) relu = saturated(int64_t{relu} * 2);
    if (to_relu.shift < 0) relu = static_cast<int16_t>(thimble_rounding_shift_right(relu, -to_relu.shift));
    relu = static_cast<int16_t>((relu + (1 << 15)) >> 1);  // to [0, 1]
    const int16_t product = truncating_high_multiply(relu, value);
    const int32_t shifted = thimble_rounding_shift_right(product, std::min(31, -to_output.shift));
    table[static_cast<size_t>(q + 128)] = clamped(shifted + output.zero_points[0]);
  }
  return table;
}

std::array<int8_t, 256> leaky_relu_table(const LeakyRelu& op, std::string_view node,
                                         const Quantization& input, const Quantization& output) {
  if (!(op.alpha >= 0)) fail(op, node, fmt::format("its slope {} is negative", op.alpha));
  // Single precision, as there.
  const FixedPoint identity = fixed_point(op, node, double{input.scales[0] / output.scales[0]});
  const FixedPoint sloped = fixed_point(op, node, double{input.scales[0] * op.alpha / output.scales[0]});
  std::array<int8_t, 256> table{};
  for (int32_t q = -128; q < 128; ++q) {
    const int32_t x = q - input.zero_points[0];
    table[static_cast<size_t>(q + 128)] =
        clamped(thimble_wrapping_add(scaled(x, x >= 0 ? identity : sloped), output.zero_points[0]));
  }
  return table;
}

/// TensorFlow Lite's LUTPopulateInt16: a function's values at 513 places of an interval, in single precision.
template <typename Function>
void append_interpolated(std::vector<int16_t>& table, float low, float high, const Function& function) {
  constexpr int kSteps = 512;
  // As there: the interval is that of an int16, whose scale is rounded, and so is the results' range.
  const float scale = (high - low) / 65535.0F;
  const float first = scale * (low < 0 ? -65535.0F : 0.0F);
  const float last = scale * (low < 0 ? 0.0F : 65535.0F);
  const float output_scale = 2.0F / 65535.0F;
  const float inverse_scale = 65536.0F / (output_scale * 32767.0F - output_scale * -32768.0F);
  const float step = (last - first) / kSteps;
  const auto clamped16 = [](float x) { return static_cast<int16_t>(std::clamp(x, -32768.0F, 32767.0F)); };
  for (int i = 0; i < kSteps; ++i) {
    const float x = first + static_cast<float>(i) * step;
    const float value = std::round(function(x) * inverse_scale);
    const float next = function(first + static_cast<float>(i + 1) * step) * inverse_scale;
    const float middle = std::round(function(x + step / 2) * inverse_scale);
    table.push_back(clamped16(value - std::round((std::round((next + value) / 2) - middle) / 2)));
  }
  table.push_back(clamped16(std::round(function(last) * inverse_scale)));
}

}  // namespace

std::array<int8_t, 256> lookup_table(const Operator& op, const Quantization& input,
                                     const Quantization& output, std::string_view node_name) {
  const std::optional<Quantization> fixed = fixed_quantization(op, DataType::kInt8);
  if (fixed && (fixed->scales != output.scales || fixed->zero_points != output.zero_points)) {
    fail(op, node_name,
         fmt::format("its output needs scale 1/{:.0f} and zero point {}", 1 / fixed->scales[0],
                     fixed->zero_points[0]));
  }
  if (std::holds_alternative<Sigmoid>(op)) return saturating_table(op, node_name, input, sigmoid, 8, -128);
  if (std::holds_alternative<Tanh>(op)) return saturating_table(op, node_name, input, tanh, 7, 0);
  if (std::holds_alternative<HardSwish>(op)) return hard_swish_table(op, node_name, input, output);
  return leaky_relu_table(std::get<LeakyRelu>(op), node_name, input, output);
}

std::vector<int16_t> interpolation_table(const Operator& op) {
  std::vector<int16_t> table;
  if (std::holds_alternative<Softmax>(op)) {
    append_interpolated(table, -10, 0, [](float x) { return std::exp(x); });
    append_interpolated(table, 0, 1, [](float x) { return 1 / (1 + x); });
    return table;
  }
  for (int i = 0; i < 256; ++i) {
    const double sigmoid_of_24th = std::round(65536 / (1 + std::exp(-i / 24.0)));
    table.push_back(static_cast<int16_t>(std::min(sigmoid_of_24th, 65535.0) - 32768));
  }
  return table;
}

std::optional<Quantization> fixed_quantization(const Operator& op, DataType type) {
  if (type == DataType::kInt16 && (std::holds_alternative<Softmax>(op) ||
                                   std::holds_alternative<Sigmoid>(op) || std::holds_alternative<Tanh>(op))) {
    return Quantization{{1.0F / 32768}, {0}, -1, 16};
  }
  if (std::holds_alternative<Softmax>(op) || std::holds_alternative<Sigmoid>(op)) {
    return Quantization{{1.0F / 256}, {-128}, -1, 8};
  }
  if (std::holds_alternative<Tanh>(op)) return Quantization{{1.0F / 128}, {0}, -1, 8};
  return std::nullopt;
}

}  // namespace thimble
