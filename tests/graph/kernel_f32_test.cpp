// The float32 kernels against naive definitions in double precision, on random shapes.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kernel_naive.h"

namespace thimble {
namespace {

using namespace naive;

constexpr DataType kFloat32 = DataType::kFloat32;

void check_close(const std::vector<float>& actual, const std::vector<double>& expected) {
  RC_ASSERT(actual.size() == expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    RC_ASSERT(std::abs(actual[i] - expected[i]) <= 1e-4 * (1 + std::abs(expected[i])));
  }
}

std::vector<double> activated(std::vector<double> values, Activation activation) {
  for (double& value : values) value = naive::activated(value, activation);
  return values;
}

struct Weighted {
  OneNode one;
  Tensor input, weights;
  std::vector<double> bias;
};

Weighted random_weighted(Random& random, const Operator& op, Shape input, Shape weights,
                         size_t channel_axis) {
  Weighted w;
  w.input = random_float(random, std::move(input));
  w.weights = random_float(random, std::move(weights));
  w.one.input(w.input);
  w.one.constant(w.weights);
  if (random.below(4) != 0) {
    const Tensor bias = random_float(random, {w.weights.shape[channel_axis]});
    w.bias = reals(bias).values;
    w.one.constant(bias);
  }
  w.one.node(op, kFloat32, {});
  return w;
}

RC_GTEST_PROP(KernelFloat32, conv2d_is_the_naive_sum, (uint64_t seed)) {
  Random random(seed);
  const ConvCase c = random_conv(random);
  const Weighted w = random_weighted(random, c.conv, c.input, c.weights, 0);
  const auto y = conv2d(c.conv, reals(w.input), reals(w.weights), w.bias, w.one.output_shape());
  check_close(w.one.run<float>(), activated(y.values, c.conv.activation));
}

RC_GTEST_PROP(KernelFloat32, depthwise_conv2d_is_the_naive_sum, (uint64_t seed)) {
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
  const auto y = depthwise_conv2d(o, reals(w.input), reals(w.weights), w.bias, w.one.output_shape());
  check_close(w.one.run<float>(), activated(y.values, o.activation));
}

RC_GTEST_PROP(KernelFloat32, fully_connected_is_the_naive_sum, (uint64_t seed)) {
  Random random(seed);
  const int32_t inputs = random.between(1, 70);
  FullyConnected o;
  o.activation = random_activation(random);
  const Weighted w = random_weighted(random, o, {1, inputs}, {random.between(1, 9), inputs}, 0);
  std::vector<double> y = w.bias;
  y.resize(static_cast<size_t>(w.weights.shape[0]), 0);
  for (size_t out = 0; out < y.size(); ++out) {
    for (size_t i = 0; i < static_cast<size_t>(inputs); ++i) {
      y[out] += double{w.input.values<float>()[i]} *
                w.weights.values<float>()[out * static_cast<size_t>(inputs) + i];
    }
  }
  check_close(w.one.run<float>(), activated(y, o.activation));
}

template <typename Op, typename F>
void check_binary(uint64_t seed, const F& f) {
  Random random(seed);
  const auto [shape_a, shape_b] = random_broadcast(random);
  const Tensor a = random_float(random, shape_a);
  const Tensor b = random_float(random, shape_b);
  Op o;
  o.activation = random_activation(random);
  OneNode one;
  one.input(a);
  one.input(b);
  one.node(o, kFloat32, {});
  std::vector<double> y;
  for (size_t i = 0; i < element_count(one.output_shape()); ++i) {
    y.push_back(
        f(broadcast_at(reals(a), one.output_shape(), i), broadcast_at(reals(b), one.output_shape(), i)));
  }
  check_close(one.run<float>(), activated(y, o.activation));
}

RC_GTEST_PROP(KernelFloat32, add_broadcasts, (uint64_t seed)) { check_binary<Add>(seed, std::plus<>()); }
RC_GTEST_PROP(KernelFloat32, mul_broadcasts, (uint64_t seed)) {
  check_binary<Mul>(seed, std::multiplies<>());
}

template <typename Pool, typename F>
void check_pool(uint64_t seed, const F& f) {
  Random random(seed);
  const auto [o, shape] = random_pool<Pool>(random);
  const Tensor input = random_float(random, shape);
  OneNode one;
  one.input(input);
  one.node(o, kFloat32, {});
  check_close(one.run<float>(), activated(pool(o, reals(input), one.output_shape(), f).values, o.activation));
}

RC_GTEST_PROP(KernelFloat32, max_pool2d_is_the_largest_in_the_window, (uint64_t seed)) {
  check_pool<MaxPool2D>(seed,
                        [](const std::vector<double>& w) { return *std::max_element(w.begin(), w.end()); });
}

RC_GTEST_PROP(KernelFloat32, average_pool2d_leaves_padding_out, (uint64_t seed)) {
  check_pool<AveragePool2D>(seed, [](const std::vector<double>& w) {
    double sum = 0;
    for (const double value : w) sum += value;
    return sum / static_cast<double>(w.size());
  });
}

RC_GTEST_PROP(KernelFloat32, mean_over_the_image_is_one_value_a_channel, (uint64_t seed)) {
  Random random(seed);
  const Tensor input =
      random_float(random, {1, random.between(1, 6), random.between(1, 6), random.between(1, 6)});
  OneNode one;
  one.input(input);
  one.node(Mean{{1, 2}, false}, kFloat32, {});
  const auto channels = static_cast<size_t>(input.shape[3]);
  const size_t pixels = input.elements() / channels;
  std::vector<double> y(channels, 0);
  for (size_t i = 0; i < input.elements(); ++i) {
    y[i % channels] += input.values<float>()[i] / static_cast<double>(pixels);
  }
  check_close(one.run<float>(), y);
}

RC_GTEST_PROP(KernelFloat32, softmax_sums_to_one_and_keeps_ratios, (uint64_t seed)) {
  Random random(seed);
  const auto depth = static_cast<size_t>(random.between(1, 20));
  const Tensor input = random_float(random, {2, static_cast<int32_t>(depth)}, -30, 30);
  const Softmax o{random.below(2) == 0 ? 1.0F : 0.5F};
  OneNode one;
  one.input(input);
  one.node(o, kFloat32, {});
  std::vector<double> y;
  for (size_t i = 0; i < 2 * depth; ++i) {
    double sum = 0;
    for (size_t k = i / depth * depth; k < (i / depth + 1) * depth; ++k) {
      sum += std::exp(double{o.beta} * (double{input.values<float>()[k]} - double{input.values<float>()[i]}));
    }
    y.push_back(1 / sum);
  }
  check_close(one.run<float>(), y);
}

RC_GTEST_PROP(KernelFloat32, batch_norm_normalizes_each_channel, (uint64_t seed)) {
  Random random(seed);
  const int32_t channels = random.between(1, 6);
  const BatchNorm o{1e-3F};
  OneNode one;
  const Tensor x = random_float(random, {1, 2, 3, channels});
  const Tensor gamma = random_float(random, {channels});
  const Tensor beta = random_float(random, {channels});
  const Tensor mean = random_float(random, {channels});
  const Tensor variance = random_float(random, {channels}, 0, 4);
  one.input(x);
  for (const Tensor& parameter : {gamma, beta, mean, variance}) one.constant(parameter);
  one.node(o, kFloat32, {});
  std::vector<double> y;
  for (size_t i = 0; i < x.elements(); ++i) {
    const size_t c = i % static_cast<size_t>(channels);
    const auto of = [c](const Tensor& t) { return double{t.values<float>()[c]}; };
    y.push_back(of(gamma) * (double{x.values<float>()[i]} - of(mean)) /
                    std::sqrt(of(variance) + double{o.epsilon}) +
                of(beta));
  }
  check_close(one.run<float>(), y);
}

RC_GTEST_PROP(KernelFloat32, relu_and_relu6_clamp, (uint64_t seed)) {
  Random random(seed);
  const Tensor input = random_float(random, {random.between(1, 30)}, -9, 9);
  const bool six = random.below(2) == 0;
  OneNode one;
  one.input(input);
  one.node(six ? Operator{Relu6{}} : Operator{Relu{}}, kFloat32, {});
  check_close(one.run<float>(), activated(reals(input).values, six ? Activation::kRelu6 : Activation::kRelu));
}

TEST(KernelFloat32, pad_concat_and_reshape_move_values) {
  Random random(1);
  const Tensor a = random_float(random, {1, 1, 2}, 1, 1);
  const Tensor b = random_float(random, {1, 1, 1}, 2, 2);
  OneNode concat;
  concat.input(a);
  concat.input(b);
  concat.node(Concat{2}, kFloat32, {});
  EXPECT_EQ(concat.run<float>(), (std::vector<float>{1, 1, 2}));
  OneNode pad;
  pad.input(a);
  pad.node(Pad{{0, 1, 1}, {0, 0, 1}}, kFloat32, {});
  EXPECT_EQ(pad.run<float>(), (std::vector<float>{0, 0, 0, 0, 0, 1, 1, 0}));
  OneNode reshape;
  reshape.input(a);
  reshape.node(Reshape{{2, 1}}, kFloat32, {});
  EXPECT_EQ(reshape.run<float>(), (std::vector<float>{1, 1}));
}

}  // namespace
}  // namespace thimble
