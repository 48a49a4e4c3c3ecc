// The int8 kernels against naive definitions, byte for byte, on random shapes and quantization parameters.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kernel_naive.h"

namespace thimble {
namespace {

using namespace naive;

constexpr DataType kInt8 = DataType::kInt8;

/// Weights with a scale for each channel along `axis`, or one scale.
Tensor random_weights(Random& random, Shape shape, int32_t axis, bool per_channel) {
  Quantization q{{}, {}, per_channel ? axis : -1, 8};
  const int32_t scales = per_channel ? shape[static_cast<size_t>(axis)] : 1;
  for (int32_t i = 0; i < scales; ++i) {
    q.scales.push_back(static_cast<float>(std::exp(random.uniform() * 5 - 9)));
    q.zero_points.push_back(0);
  }
  return random_int8(random, std::move(shape), std::move(q), -127);
}

Tensor random_bias(Random& random, int32_t channels) {
  Tensor tensor{"", DataType::kInt32, {channels}, {}, {}};
  std::vector<int32_t> values(static_cast<size_t>(channels));
  for (int32_t& value : values) value = random.between(-20000, 20000);
  tensor.data = Tensor::to_bytes<int32_t>(values);
  return tensor;
}

std::vector<int64_t> bias_values(const std::optional<Tensor>& bias) {
  if (!bias) return {};
  return {bias->values<int32_t>().begin(), bias->values<int32_t>().end()};
}

struct Weighted {
  OneNode one;
  Tensor input, weights;
  std::optional<Tensor> bias;
  Quantization output;
};

Weighted random_weighted(Random& random, const Operator& op, Shape input, Shape weights, int32_t axis) {
  Weighted w;
  w.output = random_quantization(random);
  w.input = random_int8(random, std::move(input), random_quantization(random));
  w.weights = random_weights(random, std::move(weights), axis, random.below(4) != 0);
  w.one.input(w.input);
  w.one.constant(w.weights);
  if (random.below(4) != 0) {
    w.bias = random_bias(random, w.weights.shape[static_cast<size_t>(axis)]);
    w.one.constant(*w.bias);
  }
  w.one.node(op, kInt8, w.output);
  return w;
}

std::vector<int8_t> finish_weighted(const Weighted& w, const std::vector<int64_t>& sums,
                                    Activation activation, bool dense) {
  const std::vector<float>& scales = w.weights.quantization->scales;
  const size_t channels = static_cast<size_t>(w.one.output_shape().back());
  std::vector<int8_t> result;
  for (size_t i = 0; i < sums.size(); ++i) {
    const float input_scale = w.input.quantization->scales[0];
    const float weight_scale = scales[scales.size() == 1 ? 0 : i % channels];
    const double product = dense && scales.size() == 1 ? double{input_scale * weight_scale}
                                                       : double{input_scale} * double{weight_scale};
    result.push_back(finished(scaled(sums[i], product / w.output.scales[0]), w.output, activation));
  }
  return result;
}

RC_GTEST_PROP(KernelInt8, conv2d_is_the_naive_sum_requantized, (uint64_t seed)) {
  Random random(seed);
  const ConvCase c = random_conv(random);
  const Weighted w = random_weighted(random, c.conv, c.input, c.weights, 0);
  const auto sums =
      conv2d(c.conv, integers(w.input), integers(w.weights), bias_values(w.bias), w.one.output_shape());
  RC_ASSERT(w.one.run<int8_t>() == finish_weighted(w, sums.values, c.conv.activation, false));
}

RC_GTEST_PROP(KernelInt8, depthwise_conv2d_is_the_naive_sum_requantized, (uint64_t seed)) {
  Random random(seed);
  const ConvCase c = random_conv(random);
  DepthwiseConv2D o;
  o.stride_h = c.conv.stride_h, o.stride_w = c.conv.stride_w;
  o.dilation_h = c.conv.dilation_h, o.dilation_w = c.conv.dilation_w;
  o.padding = c.conv.padding;
  o.activation = c.conv.activation;
  o.multiplier = random.below(2) == 0 ? 1 : random.between(1, 3);
  const Shape weights = {1, c.weights[1], c.weights[2], c.input[3] * o.multiplier};
  const Weighted w = random_weighted(random, o, c.input, weights, 3);
  const auto sums =
      depthwise_conv2d(o, integers(w.input), integers(w.weights), bias_values(w.bias), w.one.output_shape());
  RC_ASSERT(w.one.run<int8_t>() == finish_weighted(w, sums.values, o.activation, false));
}

RC_GTEST_PROP(KernelInt8, fully_connected_is_the_naive_sum_requantized, (uint64_t seed)) {
  Random random(seed);
  const int32_t inputs = random.between(1, 70);
  const int32_t outputs = random.between(1, 9);
  FullyConnected o;
  o.activation = random_activation(random);
  const Weighted w = random_weighted(random, o, {1, inputs}, {outputs, inputs}, 0);
  const auto x = integers(w.input);
  const auto weights = integers(w.weights);
  std::vector<int64_t> sums = bias_values(w.bias);
  sums.resize(static_cast<size_t>(outputs), 0);
  for (size_t out = 0; out < sums.size(); ++out) {
    for (size_t i = 0; i < x.values.size(); ++i)
      sums[out] += x.values[i] * weights.values[out * x.values.size() + i];
  }
  RC_ASSERT(w.one.run<int8_t>() == finish_weighted(w, sums, o.activation, true));
}

template <typename Op>
struct Binary {
  OneNode one;
  Op op;
  Tensor a, b;
  Quantization output;
};

template <typename Op>
Binary<Op> random_binary(Random& random) {
  Binary<Op> r;
  const auto [shape_a, shape_b] = random_broadcast(random);
  r.op.activation = random_activation(random);
  r.output = random_quantization(random);
  r.a = random_int8(random, shape_a, random_quantization(random));
  r.b = random_int8(random, shape_b, random_quantization(random));
  r.one.input(r.a);
  r.one.input(r.b);
  r.one.node(r.op, kInt8, r.output);
  return r;
}

RC_GTEST_PROP(KernelInt8, add_is_the_sum_on_a_common_scale, (uint64_t seed)) {
  Random random(seed);
  const auto r = random_binary<Add>(random);
  const double scale_a = r.a.quantization->scales[0];
  const double scale_b = r.b.quantization->scales[0];
  const double common = 2 * std::max(scale_a, scale_b);
  const std::vector<int8_t> actual = r.one.template run<int8_t>();
  for (size_t i = 0; i < actual.size(); ++i) {
    const int64_t a = broadcast_at(integers(r.a), r.one.output_shape(), i);
    const int64_t b = broadcast_at(integers(r.b), r.one.output_shape(), i);
    const int64_t sum = scaled(a << 20, scale_a / common) + scaled(b << 20, scale_b / common);
    RC_ASSERT(actual[i] ==
              finished(scaled(sum, common / (1 << 20) / r.output.scales[0]), r.output, r.op.activation));
    const double exact =
        (scale_a * static_cast<double>(a) + scale_b * static_cast<double>(b)) / r.output.scales[0];
    const auto nearest = finished(std::lround(exact), r.output, r.op.activation);
    RC_ASSERT(std::abs(actual[i] - nearest) <= 1);
  }
}

RC_GTEST_PROP(KernelInt8, mul_is_the_product_requantized, (uint64_t seed)) {
  Random random(seed);
  const auto r = random_binary<Mul>(random);
  const double factor =
      double{r.a.quantization->scales[0]} * double{r.b.quantization->scales[0]} / double{r.output.scales[0]};
  const std::vector<int8_t> actual = r.one.template run<int8_t>();
  for (size_t i = 0; i < actual.size(); ++i) {
    const int64_t a = broadcast_at(integers(r.a), r.one.output_shape(), i);
    const int64_t b = broadcast_at(integers(r.b), r.one.output_shape(), i);
    RC_ASSERT(actual[i] == finished(scaled(a * b, factor), r.output, r.op.activation));
  }
}

template <typename Pool, typename F>
void check_pool(uint64_t seed, const F& f) {
  Random random(seed);
  const auto [o, shape] = random_pool<Pool>(random);
  const Quantization q = random_quantization(random);
  const Tensor input = random_int8(random, shape, q);
  OneNode one;
  one.input(input);
  one.node(o, kInt8, q);
  Array<int64_t> raw = integers(input);
  for (int64_t& value : raw.values) value += q.zero_points[0];  // pooling works on the integers themselves
  const auto pooled = pool(o, raw, one.output_shape(), f);
  const std::vector<int8_t> actual = one.run<int8_t>();
  for (size_t i = 0; i < actual.size(); ++i) {
    RC_ASSERT(actual[i] == finished(pooled.values[i] - q.zero_points[0], q, o.activation));
  }
}

RC_GTEST_PROP(KernelInt8, max_pool2d_is_the_largest_in_the_window, (uint64_t seed)) {
  check_pool<MaxPool2D>(seed,
                        [](const std::vector<int64_t>& w) { return *std::max_element(w.begin(), w.end()); });
}

RC_GTEST_PROP(KernelInt8, average_pool2d_rounds_the_mean_of_the_window_away_from_zero, (uint64_t seed)) {
  check_pool<AveragePool2D>(seed, [](const std::vector<int64_t>& w) {
    double sum = 0;
    for (const int64_t value : w) sum += static_cast<double>(value);
    return static_cast<int64_t>(std::round(sum / static_cast<double>(w.size())));
  });
}

struct MeanCase {
  OneNode one;
  Tensor input;
  Quantization output;
  int32_t outer, reduced, inner;
};

MeanCase random_mean(Random& random, bool same_quantization) {
  MeanCase m;
  const Shape shape = {random.between(1, 3), random.between(1, 5), random.between(1, 5),
                       random.between(1, 5)};
  Mean o;
  const int32_t first = random.between(1, 3);
  const int32_t last = random.between(first, 3);
  m.outer = m.reduced = m.inner = 1;
  for (int32_t axis = 0; axis < 4; ++axis) {
    if (axis >= first && axis <= last) o.axes.push_back(axis);
    (axis < first ? m.outer : axis <= last ? m.reduced : m.inner) *= shape[static_cast<size_t>(axis)];
  }
  o.keep_dims = random.below(2) == 0;
  m.input = random_int8(random, shape, random_quantization(random));
  m.output = same_quantization ? *m.input.quantization : random_quantization(random);
  m.one.input(m.input);
  m.one.node(o, kInt8, m.output);
  return m;
}

int64_t sum_of(const MeanCase& m, const Array<int64_t>& x, size_t i) {
  const auto inner = static_cast<size_t>(m.inner);
  const auto reduced = static_cast<size_t>(m.reduced);
  int64_t sum = 0;
  for (size_t r = 0; r < reduced; ++r) sum += x.values[(i / inner * reduced + r) * inner + i % inner];
  return sum;
}

RC_GTEST_PROP(KernelInt8, mean_is_the_real_mean_to_one_step, (uint64_t seed)) {
  Random random(seed);
  const MeanCase m = random_mean(random, false);
  const auto actual = m.one.run<int8_t>();
  for (size_t i = 0; i < actual.size(); ++i) {
    const double mean = static_cast<double>(sum_of(m, integers(m.input), i)) / m.reduced;
    const double real = mean * m.input.quantization->scales[0] / m.output.scales[0];
    RC_ASSERT(std::abs(actual[i] - finished(std::lround(real), m.output, Activation::kNone)) <= 1);
  }
}

RC_GTEST_PROP(KernelInt8, mean_with_one_scale_is_the_truncated_quotient_of_the_integers, (uint64_t seed)) {
  Random random(seed);
  const MeanCase m = random_mean(random, true);
  Array<int64_t> raw = integers(m.input);
  for (int64_t& value : raw.values) value += m.output.zero_points[0];
  const auto actual = m.one.run<int8_t>();
  for (size_t i = 0; i < actual.size(); ++i) RC_ASSERT(actual[i] == sum_of(m, raw, i) / m.reduced);
}

RC_GTEST_PROP(KernelInt8, softmax_is_the_real_softmax_to_one_step, (uint64_t seed)) {
  Random random(seed);
  const int32_t rows = random.between(1, 3);
  const int32_t depth = random.between(1, 20);
  Softmax o;
  if (random.below(3) == 0) o.beta = 0.5F;
  const Tensor input = random_int8(random, {rows, depth}, random_quantization(random));
  OneNode one;
  one.input(input);
  one.node(o, kInt8, Quantization{{1.0F / 256}, {-128}, -1, 8});
  const auto actual = one.run<int8_t>();
  const double factor = double{o.beta} * input.quantization->scales[0];
  for (size_t i = 0; i < actual.size(); ++i) {
    const size_t row = i / static_cast<size_t>(depth) * static_cast<size_t>(depth);
    double sum = 0;
    for (size_t k = row; k < row + static_cast<size_t>(depth); ++k) {
      sum += std::exp(factor * (input.values<int8_t>()[k] - input.values<int8_t>()[i]));
    }
    const double expected = std::min(127.0, std::round(256 / sum) - 128);
    RC_ASSERT(std::abs(actual[i] - expected) <= 1);
  }
}

TEST(KernelInt8, softmax_over_a_thousand_equal_inputs_is_zero_everywhere) {
  Random random(1);
  Tensor input = random_int8(random, {1, 1000}, {{0.1F}, {0}, -1, 8});
  input.data = Tensor::to_bytes<int8_t>(std::vector<int8_t>(1000, 5));
  OneNode one;
  one.input(input);
  one.node(Softmax{}, kInt8, Quantization{{1.0F / 256}, {-128}, -1, 8});
  EXPECT_EQ(one.run<int8_t>(), std::vector<int8_t>(1000, -128));
}

RC_GTEST_PROP(KernelInt8, pad_surrounds_the_input_with_the_zero_point, (uint64_t seed)) {
  Random random(seed);
  Pad o;
  Shape shape;
  for (int32_t axis = 0; axis < 4; ++axis) {
    shape.push_back(random.between(1, 4));
    o.before.push_back(random.below(2) == 0 ? 0 : random.between(0, 3));
    o.after.push_back(random.below(2) == 0 ? 0 : random.between(0, 3));
  }
  const Quantization q = random_quantization(random);
  const Tensor input = random_int8(random, shape, q);
  OneNode one;
  one.input(input);
  one.node(o, kInt8, q);
  const auto actual = one.run<int8_t>();
  const Shape& y = one.output_shape();
  for (size_t i = 0; i < actual.size(); ++i) {
    size_t rest = i;
    size_t source = 0;
    size_t stride = 1;
    bool inside = true;
    for (size_t axis = 4; axis-- > 0;) {
      const int32_t coordinate = static_cast<int32_t>(rest % static_cast<size_t>(y[axis])) - o.before[axis];
      rest /= static_cast<size_t>(y[axis]);
      inside = inside && coordinate >= 0 && coordinate < shape[axis];
      source += static_cast<size_t>(inside ? coordinate : 0) * stride;
      stride *= static_cast<size_t>(shape[axis]);
    }
    RC_ASSERT(actual[i] == (inside ? input.values<int8_t>()[source] : q.zero_points[0]));
  }
}

RC_GTEST_PROP(KernelInt8, concat_lays_its_inputs_side_by_side, (uint64_t seed)) {
  Random random(seed);
  Shape shape = {random.between(1, 3), random.between(1, 3), random.between(1, 3)};
  const auto axis = random.below(3);
  const Quantization q = random_quantization(random);
  OneNode one;
  std::vector<Tensor> inputs;
  for (int32_t n = random.between(1, 10); n > 0; --n) {
    shape[axis] = random.between(1, 4);
    inputs.push_back(random_int8(random, shape, q));
    one.input(inputs.back());
  }
  one.node(Concat{static_cast<int32_t>(axis)}, kInt8, q);
  const auto actual = one.run<int8_t>();
  const Shape& y = one.output_shape();
  size_t i = 0;
  for (int32_t a = 0; a < y[0]; ++a) {
    for (int32_t b = 0; b < y[1]; ++b) {
      for (int32_t c = 0; c < y[2]; ++c, ++i) {
        int32_t coordinate[3] = {a, b, c};
        size_t n = 0;
        while (coordinate[axis] >= inputs[n].shape[axis]) coordinate[axis] -= inputs[n++].shape[axis];
        const Shape& s = inputs[n].shape;
        const auto source =
            static_cast<size_t>((coordinate[0] * s[1] + coordinate[1]) * s[2] + coordinate[2]);
        RC_ASSERT(actual[i] == inputs[n].values<int8_t>()[source]);
      }
    }
  }
}

RC_GTEST_PROP(KernelInt8, requantize_and_relu_rescale_then_clamp, (uint64_t seed)) {
  Random random(seed);
  const Operator operators[] = {Quantize{}, Relu{}, Relu6{}};
  const Activation activation = random_activation(random);
  const Quantization output = random_quantization(random);
  const Tensor input = random_int8(random, {random.between(1, 30)}, random_quantization(random));
  OneNode one;
  one.input(input);
  one.node(operators[static_cast<size_t>(activation)], kInt8, output);
  const auto actual = one.run<int8_t>();
  const double factor = double{input.quantization->scales[0]} / double{output.scales[0]};
  for (size_t i = 0; i < actual.size(); ++i) {
    RC_ASSERT(actual[i] == finished(scaled(integers(input).values[i], factor), output, activation));
  }
}

RC_GTEST_PROP(KernelInt8, reshape_keeps_the_bytes, (uint64_t seed)) {
  Random random(seed);
  const Quantization q = random_quantization(random);
  const Tensor input = random_int8(random, {1, random.between(1, 5), random.between(1, 5)}, q);
  OneNode one;
  one.input(input);
  one.node(Reshape{{1, -1}}, kInt8, q);
  const auto actual = one.run<int8_t>();
  RC_ASSERT(std::equal(actual.begin(), actual.end(), input.values<int8_t>().begin()));
}

RC_GTEST_PROP(KernelInt8, quantize_rounds_to_nearest_and_dequantize_gives_the_value_back, (uint64_t seed)) {
  Random random(seed);
  const Quantization q = random_quantization(random);
  const Tensor input = random_float(random, {random.between(1, 30)}, -50, 50);
  OneNode quantize;
  quantize.input(input);
  quantize.node(Quantize{}, kInt8, q);
  const auto integers = quantize.run<int8_t>();
  OneNode dequantize;
  Tensor quantized{"", kInt8, input.shape, q, Tensor::to_bytes<int8_t>(integers)};
  dequantize.input(quantized);
  dequantize.node(Dequantize{}, DataType::kFloat32, {});
  const auto back = dequantize.run<float>();
  for (size_t i = 0; i < integers.size(); ++i) {
    const float value = input.values<float>()[i];
    const long nearest = std::lround(value / q.scales[0]) + q.zero_points[0];
    RC_ASSERT(integers[i] == std::clamp(nearest, -128L, 127L));
    RC_ASSERT(back[i] == q.scales[0] * static_cast<float>(integers[i] - q.zero_points[0]));
  }
}

TEST(KernelInt8, quantize_saturates_infinities_and_takes_nan_for_zero) {
  OneNode one;
  Tensor input{"", DataType::kFloat32, {4}, {}, {}};
  input.data = Tensor::to_bytes<float>(std::vector<float>{INFINITY, -INFINITY, NAN, 1e30F});
  one.input(input);
  one.node(Quantize{}, kInt8, Quantization{{0.5F}, {3}, -1, 8});
  EXPECT_EQ(one.run<int8_t>(), (std::vector<int8_t>{127, -128, 3, 127}));
}

/// Sums beyond 32 bits wrap as they do on the device, and are no undefined behaviour (the sanitizers watch).
TEST(KernelInt8, an_accumulator_that_overflows_wraps) {
  OneNode one;
  Random random(1);
  Tensor input = random_int8(random, {1, 1}, {{1.0F}, {-128}, -1, 8});
  input.data = Tensor::to_bytes<int8_t>(std::vector<int8_t>{127});
  Tensor weights = random_int8(random, {1, 1}, {{1.0F}, {0}, -1, 8});
  weights.data = Tensor::to_bytes<int8_t>(std::vector<int8_t>{127});
  Tensor bias{"", DataType::kInt32, {1}, {}, Tensor::to_bytes<int32_t>(std::vector<int32_t>{INT32_MAX})};
  one.input(input);
  one.constant(weights);
  one.constant(bias);
  one.node(FullyConnected{}, kInt8, Quantization{{4.0F}, {0}, -1, 8});
  EXPECT_EQ(one.run<int8_t>(), std::vector<int8_t>{-128});
}

}  // namespace
}  // namespace thimble
