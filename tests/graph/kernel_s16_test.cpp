// The int16 kernels against naive definitions, byte for byte, on random shapes and quantization parameters;
// those that interpolate, within units of the real function.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "graph/lookup_table.h"
#include "kernel_naive.h"
#include "support/expect_error.h"

namespace thimble {
namespace {

using namespace naive;

constexpr DataType kInt16 = DataType::kInt16;

Quantization random_scale(Random& random) {
  return {{static_cast<float>(std::exp(random.uniform() * 5 - 11))}, {0}, -1, 16};  // 0.000017 ... 0.0025
}

Tensor random_int16(Random& random, Shape shape, Quantization quantization) {
  Tensor tensor{"", kInt16, std::move(shape), std::move(quantization), {}};
  std::vector<int16_t> values(tensor.elements());
  for (int16_t& value : values) value = static_cast<int16_t>(random.between(INT16_MIN, INT16_MAX));
  tensor.data = Tensor::to_bytes<int16_t>(values);
  return tensor;
}

Array<int64_t> integers16(const Tensor& tensor) {
  return {tensor.shape, {tensor.values<int16_t>().begin(), tensor.values<int16_t>().end()}};
}

/// A sum of 64 bits at another scale: a mantissa of 15 bits, rounded to nearest, ties upward.
int64_t scaled_wide(int64_t x, double real) {
  const int exponent = std::ilogb(real) + 1;
  const auto mantissa = std::llround(std::ldexp(real, 31 - exponent));
  const auto narrow = std::min<int64_t>((mantissa + (1 << 15)) >> 16, 0x7FFF);
  const Int128 unit = Int128{1} << (15 - exponent);
  const Int128 doubled = static_cast<Int128>(x) * narrow + unit / 2;
  Int128 quotient = doubled / unit;
  if (doubled < 0 && doubled % unit != 0) --quotient;  // floor
  return static_cast<int64_t>(quotient);
}

int16_t finished16(int64_t scaled, const Quantization& q, Activation activation) {
  const int64_t low = activation == Activation::kNone ? INT16_MIN : 0;
  const int64_t high = activation == Activation::kRelu6
                           ? std::min<int64_t>(INT16_MAX, std::lround(6.0F / q.scales[0]))
                           : INT16_MAX;
  return static_cast<int16_t>(std::min(high, std::max(low, scaled)));
}

/// A layer with weights, and the sums that `sums` makes of input, weights and bias.
template <typename Op, typename Sums>
void expect_the_sums(Random& random, const Op& op, Shape input, Shape shape, size_t axis, const Sums& sums) {
  OneNode one;
  const Tensor x = random_int16(random, std::move(input), random_scale(random));
  const Quantization output = random_scale(random);
  Quantization q{{}, {}, random.below(2) == 0 ? -1 : static_cast<int32_t>(axis), 8};
  const int32_t channels = shape[axis];
  for (int32_t i = 0; i < (q.per_channel() ? channels : 1); ++i) {
    q.scales.push_back(static_cast<float>(std::exp(random.uniform() * 5 - 9)));
    q.zero_points.push_back(0);
  }
  const Tensor weights = random_int8(random, std::move(shape), q);
  one.input(x);
  one.constant(weights);
  std::vector<int64_t> bias;
  if (random.below(4) != 0) {
    for (int32_t i = 0; i < channels; ++i) bias.push_back(int64_t{random.between(-30000, 30000)} << 20);
    one.constant({"", DataType::kInt64, {channels}, {}, Tensor::to_bytes<int64_t>(bias)});
  }
  one.node(op, kInt16, output);
  const bool dense = std::is_same_v<Op, FullyConnected>;
  const std::vector<int64_t> expected = sums(integers16(x), integers(weights), bias, one.output_shape());
  const std::vector<int16_t> got = one.run<int16_t>();
  RC_ASSERT(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const float weight_scale = q.scales[q.per_channel() ? i % static_cast<size_t>(channels) : 0];
    const float input_scale = x.quantization->scales[0];
    const double product = dense && !q.per_channel() ? double{input_scale * weight_scale}
                                                     : double{input_scale} * double{weight_scale};
    RC_ASSERT(got[i] ==
              finished16(scaled_wide(expected[i], product / output.scales[0]), output, op.activation));
  }
}

RC_GTEST_PROP(KernelInt16, conv2d_is_the_naive_sum_requantized, (uint64_t seed)) {
  Random random(seed);
  const ConvCase c = random_conv(random);
  expect_the_sums(random, c.conv, c.input, c.weights, 0,
                  [&](const auto& x, const auto& w, const auto& bias, const Shape& y) {
                    return conv2d(c.conv, x, w, bias, y).values;
                  });
}

RC_GTEST_PROP(KernelInt16, depthwise_conv2d_is_the_naive_sum_requantized, (uint64_t seed)) {
  Random random(seed);
  const ConvCase c = random_conv(random);
  DepthwiseConv2D o;
  o.stride_h = c.conv.stride_h, o.stride_w = c.conv.stride_w;
  o.dilation_h = c.conv.dilation_h, o.dilation_w = c.conv.dilation_w;
  o.padding = c.conv.padding;
  o.activation = c.conv.activation;
  o.multiplier = random.between(1, 3);
  expect_the_sums(random, o, c.input, {1, c.weights[1], c.weights[2], c.input[3] * o.multiplier}, 3,
                  [&](const auto& x, const auto& w, const auto& bias, const Shape& y) {
                    return depthwise_conv2d(o, x, w, bias, y).values;
                  });
}

RC_GTEST_PROP(KernelInt16, fully_connected_is_the_naive_sum_requantized, (uint64_t seed)) {
  Random random(seed);
  const int32_t inputs = random.between(1, 1200);  // several times as many products as 32 bits hold
  expect_the_sums(random, FullyConnected{random_activation(random)}, {1, inputs},
                  {random.between(1, 9), inputs}, 0,
                  [](const auto& x, const auto& w, std::vector<int64_t> sums, const Shape& y) {
                    sums.resize(static_cast<size_t>(y[1]), 0);
                    for (size_t i = 0; i < w.values.size(); ++i) {
                      sums[i / x.values.size()] += x.values[i % x.values.size()] * w.values[i];
                    }
                    return sums;
                  });
}

/// Add, Sub or Mul; expected(a, b, their scales and the output's) before the clamp.
template <typename Op, typename Expected>
void expect_of_two(uint64_t seed, const Expected& expected) {
  Random random(seed);
  const auto [shape_a, shape_b] = random_broadcast(random);
  const Op op{random_activation(random)};
  const Quantization q = random_scale(random);
  OneNode one;
  const Tensor a = random_int16(random, shape_a, random_scale(random));
  const Tensor b = random_int16(random, shape_b, random_scale(random));
  one.input(a);
  one.input(b);
  one.node(op, kInt16, q);
  const std::vector<int16_t> got = one.run<int16_t>();
  for (size_t i = 0; i < got.size(); ++i) {
    const int64_t want = expected(broadcast_at(integers16(a), one.output_shape(), i),
                                  broadcast_at(integers16(b), one.output_shape(), i),
                                  a.quantization->scales[0], b.quantization->scales[0], q.scales[0]);
    RC_ASSERT(got[i] == finished16(want, q, op.activation));
  }
}

/// The operands at half the larger scale, 15 bits finer.
std::pair<int64_t, int64_t> on_a_common_scale(int64_t a, int64_t b, double scale_a, double scale_b) {
  const double common = 2 * std::max(scale_a, scale_b);
  return {scaled(a * (1 << 15), scale_a / common), scaled(b * (1 << 15), scale_b / common)};
}

RC_GTEST_PROP(KernelInt16, add_is_the_sum_on_a_common_scale, (uint64_t seed)) {
  expect_of_two<Add>(seed, [](int64_t a, int64_t b, double scale_a, double scale_b, double scale) {
    const auto [x, y] = on_a_common_scale(a, b, scale_a, scale_b);
    return scaled(x + y, 2 * std::max(scale_a, scale_b) / (32768 * scale));
  });
}

RC_GTEST_PROP(KernelInt16, sub_is_the_difference_on_a_common_scale, (uint64_t seed)) {
  expect_of_two<Sub>(seed, [](int64_t a, int64_t b, double scale_a, double scale_b, double scale) {
    const auto [x, y] = on_a_common_scale(a, b, scale_a, scale_b);
    return scaled(x - y, 2 * std::max(scale_a, scale_b) / (32768 * scale));
  });
}

RC_GTEST_PROP(KernelInt16, mul_is_the_product_requantized, (uint64_t seed)) {
  expect_of_two<Mul>(seed, [](int64_t a, int64_t b, double scale_a, double scale_b, double scale) {
    return scaled(a * b, scale_a * scale_b / scale);
  });
}

template <typename Pool, typename F>
void expect_pool(uint64_t seed, const F& f) {
  Random random(seed);
  const auto [op, shape] = random_pool<Pool>(random);
  const Quantization q = random_scale(random);
  OneNode one;
  const Tensor x = random_int16(random, shape, q);
  one.input(x);
  one.node(op, kInt16, q);
  const Array<int64_t> y = pool(op, integers16(x), one.output_shape(), f);
  std::vector<int16_t> expected;
  for (const int64_t value : y.values) expected.push_back(finished16(value, q, op.activation));
  RC_ASSERT(one.run<int16_t>() == expected);
}

RC_GTEST_PROP(KernelInt16, max_pool2d_is_the_largest, (uint64_t seed)) {
  expect_pool<MaxPool2D>(seed, [](const std::vector<int64_t>& window) { return std::ranges::max(window); });
}

RC_GTEST_PROP(KernelInt16, average_pool2d_rounds_ties_away_from_zero, (uint64_t seed)) {
  expect_pool<AveragePool2D>(seed, [](const std::vector<int64_t>& window) {
    double sum = 0;
    for (const int64_t value : window) sum += static_cast<double>(value);
    return std::llround(sum / static_cast<double>(window.size()));
  });
}

RC_GTEST_PROP(KernelInt16, mean_is_within_a_unit_of_the_real_one, (uint64_t seed)) {
  Random random(seed);
  const Quantization in = random_scale(random);
  const Quantization out = random.below(2) == 0 ? in : random_scale(random);
  const Tensor x =
      random_int16(random, {1, random.between(1, 9), random.between(1, 9), random.between(1, 5)}, in);
  OneNode one;
  one.input(x);
  one.node(Mean{{1, 2}}, kInt16, out);
  const std::vector<int16_t> got = one.run<int16_t>();
  const size_t places = x.elements() / got.size();
  for (size_t c = 0; c < got.size(); ++c) {
    double sum = 0;
    for (size_t i = 0; i < places; ++i) sum += x.values<int16_t>()[i * got.size() + c];
    const double mean = sum / static_cast<double>(places) * in.scales[0] / out.scales[0];
    RC_ASSERT(std::abs(got[c] - std::clamp(mean, -32768.0, 32767.0)) <= 1);
  }
}

/// Every int16 through an operator of one input, within `units` of f on reals.
template <typename F>
void expect_function(const Operator& op, float scale, const Quantization& output, double units, const F& f) {
  OneNode one;
  Tensor x{"", kInt16, {1, 65536}, Quantization{{scale}, {0}, -1, 16}, {}};
  std::vector<int16_t> values;
  for (int32_t i = INT16_MIN; i <= INT16_MAX; ++i) values.push_back(static_cast<int16_t>(i));
  x.data = Tensor::to_bytes<int16_t>(values);
  one.input(x);
  one.node(op, kInt16, output);
  const std::vector<int16_t> got = one.run<int16_t>();
  for (size_t i = 0; i < got.size(); ++i) {
    const double wanted = std::clamp(f(double{scale} * values[i]) / output.scales[0], -32768.0, 32767.0);
    ASSERT_NEAR(got[i], wanted, units) << values[i] << " at scale " << scale;
  }
}

TEST(KernelInt16, functions_of_one_element_are_near_the_real_ones_at_any_scale) {
  for (const float scale : {1.0F / 4096, 1.0F / 2048, 3e-5F, 2.7e-4F, 1e-3F, 0.1F}) {
    expect_function(Sigmoid{}, scale, *fixed_quantization(Sigmoid{}, kInt16), 8,
                    [](double x) { return 1 / (1 + std::exp(-x)); });
    expect_function(Tanh{}, scale, *fixed_quantization(Tanh{}, kInt16), 16,
                    [](double x) { return std::tanh(x); });
    const Quantization out{{scale * 1.7F}, {0}, -1, 16};
    expect_function(Relu{}, scale, out, 1, [](double x) { return std::max(x, 0.0); });
    expect_function(Quantize{}, scale, out, 1, [](double x) { return x; });
  }
}

RC_GTEST_PROP(KernelInt16, softmax_is_near_the_real_one, (uint64_t seed)) {
  Random random(seed);
  const Softmax op{static_cast<float>(0.2 + random.uniform())};
  const Tensor x = random_int16(random, {1, random.between(1, 40)}, random_scale(random));
  OneNode one;
  one.input(x);
  one.node(op, kInt16, *fixed_quantization(op, kInt16));
  const std::vector<int16_t> got = one.run<int16_t>();
  const double largest = *std::ranges::max_element(x.values<int16_t>());
  double sum = 0;
  std::vector<double> exponentials;
  for (const int16_t value : x.values<int16_t>()) {
    exponentials.push_back(std::exp(double{op.beta} * x.quantization->scales[0] * (value - largest)));
    sum += exponentials.back();
  }
  // Each exponential in the sum is a unit off, or two.
  const double units = 4 + 2 * static_cast<double>(got.size());
  for (size_t i = 0; i < got.size(); ++i)
    RC_ASSERT(std::abs(got[i] - 32768 * exponentials[i] / sum) <= units);
}

TEST(KernelInt16, integers_of_8_bits_widen_and_narrow_without_loss) {
  OneNode one;
  Random random(1);
  const Quantization narrow{{0.02F}, {-7}, -1, 8};
  const Tensor x = random_int8(random, {1, 500}, narrow);
  one.input(x);
  one.node(Quantize{}, kInt16, Quantization{{0.02F / 128}, {0}, -1, 16});
  Graph& graph = one.graph;
  const TensorId back = graph.append(Quantize{}, graph.outputs, "back");
  graph.tensor(back).type = DataType::kInt8;
  graph.tensor(back).quantization = narrow;
  const std::vector<int16_t> wide = one.run<int16_t>();
  graph.outputs = {back};
  const std::vector<int8_t> again = one.run<int8_t>();
  for (size_t i = 0; i < again.size(); ++i) {
    EXPECT_EQ(wide[i], 128 * (x.values<int8_t>()[i] + 7));
    EXPECT_EQ(again[i], x.values<int8_t>()[i]);
  }
}

TEST(KernelInt16, floats_become_the_nearest_integers_and_saturate) {
  OneNode one;
  one.input({"",
             DataType::kFloat32,
             {1, 6},
             {},
             Tensor::to_bytes<float>(std::vector<float>{0.25F, -0.25F, 1e30F, -1e30F, NAN, 16383.0F})});
  one.node(Quantize{}, kInt16, Quantization{{0.5F}, {0}, -1, 16});
  EXPECT_EQ(one.run<int16_t>(), (std::vector<int16_t>{1, -1, 32767, -32768, 0, 32766}));
}

TEST(KernelInt16, what_no_kernel_computes_is_an_error_that_says_what_to_do) {
  Random random(1);
  const Quantization q{{0.001F}, {0}, -1, 16};
  const auto error_of = [&](const Operator& op, const Quantization& output, const std::string& part) {
    OneNode one;
    one.input(random_int16(random, {1, 4}, q));
    one.node(op, kInt16, output);
    test::expect_error([&] { one.run<int16_t>(); }, part);
  };
  error_of(HardSwish{}, q, "Keep this layer's activations at int8");
  error_of(LeakyRelu{}, q, "Keep this layer's activations at int8");
  error_of(Softmax{}, q, "1/32768");
  error_of(Tanh{}, q, "1/32768");
  error_of(Relu{}, {{0.001F}, {3}, -1, 16}, "zero point of 3");
  OneNode dense;
  dense.input(random_int16(random, {1, 2}, q));
  dense.constant(random_int8(random, {2, 2}, {{1.0F}, {0}, -1, 8}));
  dense.constant({"", DataType::kInt32, {2}, {}, Tensor::to_bytes<int32_t>(std::vector<int32_t>{1, 2})});
  dense.node(FullyConnected{}, kInt16, q);
  test::expect_error([&] { dense.run<int16_t>(); }, "of type int32");
}

TEST(KernelInt16, a_bias_that_leaves_the_sums_bits_is_refused) {
  Random random(1);
  const Quantization q{{0.001F}, {0}, -1, 16};
  for (const int64_t bias : {INT64_MAX, INT64_MIN, int64_t{1} << 46}) {
    OneNode dense;
    dense.input(random_int16(random, {1, 2}, q));
    dense.constant(random_int8(random, {2, 2}, {{1.0F}, {0}, -1, 8}));
    dense.constant({"", DataType::kInt64, {2}, {}, Tensor::to_bytes<int64_t>(std::vector<int64_t>{1, bias})});
    dense.node(FullyConnected{}, kInt16, q);
    test::expect_error([&] { dense.run<int16_t>(); }, "48 bits");
  }
}

TEST(KernelInt16, a_maximum_of_more_elements_than_a_sum_may_have_is_taken) {
  Random random(1);
  const Quantization q{{0.001F}, {0}, -1, 16};
  OneNode pool;
  const Tensor x = random_int16(random, {1, 40000, 1, 1}, q);
  pool.input(x);
  pool.node(MaxPool2D{.kernel_h = 40000, .kernel_w = 1}, kInt16, q);
  EXPECT_EQ(pool.run<int16_t>().at(0), std::ranges::max(x.values<int16_t>()));
}

}  // namespace
}  // namespace thimble
