#include "graph/lookup_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "support/expect_error.h"

namespace thimble {
namespace {

Quantization one_scale(float scale, int32_t zero_point) { return {{scale}, {zero_point}, -1, 8}; }

/// The largest distance, in units of the output, from the function itself on the dequantized inputs.
template <typename Function>
double worst_error(const Operator& op, const Quantization& in, const Quantization& out, const Function& f) {
  const auto table = lookup_table(op, in, out, "node");
  double worst = 0;
  for (int32_t q = -128; q < 128; ++q) {
    const double x = double{in.scales[0]} * (q - in.zero_points[0]);
    const double y = std::clamp(f(x) / out.scales[0] + out.zero_points[0], -128.0, 127.0);
    worst = std::max(worst, std::abs(table[static_cast<size_t>(q + 128)] - y));
  }
  return worst;
}

TEST(LookupTable, sigmoid_and_tanh_are_within_a_unit_of_the_function_at_any_scale) {
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    const Quantization in =
        one_scale(std::exp2(static_cast<float>(-10 + 9 * random.uniform())), random.between(-128, 127));
    EXPECT_LT(worst_error(Sigmoid{}, in, *fixed_quantization(Sigmoid{}, DataType::kInt8),
                          [](double x) { return 1 / (1 + std::exp(-x)); }),
              0.51)
        << in.scales[0];
    EXPECT_LT(worst_error(Tanh{}, in, *fixed_quantization(Tanh{}, DataType::kInt8),
                          [](double x) { return std::tanh(x); }),
              0.51)
        << in.scales[0];
  }
}

TEST(LookupTable, leaky_relu_and_hard_swish_are_within_units_of_the_function_at_any_scale) {
  Random random(2);
  for (int i = 0; i < 200; ++i) {
    const Quantization in =
        one_scale(std::exp2(static_cast<float>(-8 + 6 * random.uniform())), random.between(-128, 127));
    const Quantization out = one_scale(
        in.scales[0] * std::exp2(static_cast<float>(-1 + 2 * random.uniform())), random.between(-128, 127));
    const double alpha = random.uniform();
    // Rounded twice: by the multiplication, and by the shift behind it.
    EXPECT_LT(worst_error(LeakyRelu{static_cast<float>(alpha)}, in, out,
                          [&](double x) { return x > 0 ? x : alpha * x; }),
              0.76);
    // 16 bits, of which seven are left of the input's.
    EXPECT_LT(worst_error(HardSwish{}, in, out, [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; }),
              1.6);
  }
}

TEST(LookupTable, a_result_that_tensorflow_lite_does_not_define_is_refused) {
  const Quantization in = one_scale(0.1F, 0);
  test::expect_error([&] { lookup_table(Sigmoid{}, in, one_scale(0.01F, -128), "gate"); },
                     {"Sigmoid 'gate'", "1/256", "-128"});
  test::expect_error([&] { lookup_table(Tanh{}, in, one_scale(1.0F / 128, 3), "t"); }, {"Tanh 't'", "1/128"});
  test::expect_error([&] { lookup_table(HardSwish{}, in, one_scale(0.0001F, 0), "h"); },
                     {"HardSwish 'h'", "scale"});
  test::expect_error([&] { lookup_table(LeakyRelu{-1.0F}, in, in, "l"); }, {"LeakyRelu 'l'", "negative"});
}

}  // namespace
}  // namespace thimble
