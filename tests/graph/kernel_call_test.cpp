#include "graph/kernel_call.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "kernel_naive.h"
#include "kernels/generic/fixed_point.h"
#include "support/expect_error.h"

namespace thimble {
namespace {

using naive::OneNode;

RC_GTEST_PROP(QuantizeMultiplier, is_the_nearest_31_bit_mantissa, (uint64_t seed)) {
  Random random(seed);
  const double real = std::ldexp(0.5 + random.uniform() / 2, random.between(-31, 31));
  int32_t multiplier = 0;
  int32_t shift = 0;
  quantize_multiplier(real, &multiplier, &shift);
  RC_ASSERT(multiplier >= 1 << 30);
  // A double's 53 bits hold the mantissa and the rest exactly: the difference is no estimate.
  const double mantissa = std::ldexp(real, 31 - shift);
  RC_ASSERT(std::abs(mantissa - multiplier) <= 0.5);
}

TEST(QuantizeMultiplier, edges_are_those_of_tensorflow_lite) {
  const auto quantized = [](double real) {
    std::pair<int32_t, int32_t> result;
    quantize_multiplier(real, &result.first, &result.second);
    return result;
  };
  using P = std::pair<int32_t, int32_t>;
  EXPECT_EQ(quantized(0), P(0, 0));
  EXPECT_EQ(quantized(1), P(1 << 30, 1));
  EXPECT_EQ(quantized(0.5), P(1 << 30, 0));
  EXPECT_EQ(quantized(1 - 0x1p-40), P(1 << 30, 1)) << "a mantissa that rounds up to 2^31";
  EXPECT_EQ(quantized(0x1p-32), P(1 << 30, -31));
  EXPECT_EQ(quantized(0x1p-33), P(0, 0)) << "too small for any result";
}

RC_GTEST_PROP(MultiplyByQuantizedMultiplier, is_the_real_product_to_one_step, (uint64_t seed)) {
  Random random(seed);
  const double real = std::ldexp(0.5 + random.uniform() / 2, random.between(-20, 4));
  const int32_t x = random.between(-(1 << 26), 1 << 26);
  int32_t multiplier = 0;
  int32_t shift = 0;
  quantize_multiplier(real, &multiplier, &shift);
  const int32_t product = thimble_multiply_by_quantized_multiplier(x, multiplier, shift);
  RC_ASSERT(product == naive::scaled(x, real));
  RC_ASSERT(std::abs(product - real * x) <= 1.01);
}

Tensor int8_tensor(Shape shape, Quantization q) {
  Random random(1);
  return naive::random_int8(random, std::move(shape), std::move(q));
}

const Quantization kUnit{{1.0F}, {0}, -1, 8};

template <typename Op>
OneNode one_node(Op op, Shape shape, Quantization input, Quantization output) {
  OneNode one;
  one.input(int8_tensor(std::move(shape), std::move(input)));
  one.node(op, DataType::kInt8, std::move(output));
  return one;
}

TEST(KernelCall, activation_range_follows_the_output_scale) {
  const OneNode one = one_node(Relu6{}, {4}, kUnit, {{0.05F}, {-100}, -1, 8});
  const auto call = kernel_call(one.graph, one.graph.nodes[0]);
  const auto& p = std::get<thimble_requantize_parameters>(call.parameters);
  EXPECT_EQ(p.output_min, -100);
  EXPECT_EQ(p.output_max, 20);
}

TEST(KernelCall, neighbouring_axes_that_broadcast_alike_become_one) {
  OneNode one;
  one.input(int8_tensor({1, 2, 3, 4, 5}, kUnit));
  one.input(int8_tensor({5}, kUnit));
  one.node(Add{}, DataType::kInt8, kUnit);
  const auto call = kernel_call(one.graph, one.graph.nodes[0]);
  const thimble_broadcast& shape = std::get<thimble_add_parameters>(call.parameters).shape;
  EXPECT_EQ((std::vector<int32_t>(shape.extent, shape.extent + 4)), (std::vector<int32_t>{1, 1, 24, 5}));
  EXPECT_EQ((std::vector<int32_t>(shape.stride_a, shape.stride_a + 4)), (std::vector<int32_t>{0, 0, 5, 1}));
  EXPECT_EQ((std::vector<int32_t>(shape.stride_b, shape.stride_b + 4)), (std::vector<int32_t>{0, 0, 0, 1}));
}

TEST(KernelCall, names_the_kernel_and_its_header) {
  const OneNode pool = one_node(MaxPool2D{}, {1, 4, 4, 1}, kUnit, kUnit);
  const KernelName name = generic_kernel(pool.graph, pool.graph.nodes[0]);
  EXPECT_EQ(name.function, "thimble_max_pool2d_generic_s8");
  EXPECT_EQ(name.header, "generic/max_pool2d_s8.h");
  const OneNode relu = one_node(Relu{}, {4}, kUnit, kUnit);
  EXPECT_EQ(generic_kernel(relu.graph, relu.graph.nodes[0]).function, "thimble_requantize_generic_s8");
}

TEST(KernelCall, what_no_kernel_computes_is_an_error_that_names_the_node) {
  const auto error_of_call = [](const OneNode& one, const std::string& part) {
    test::expect_error([&] { kernel_call(one.graph, one.graph.nodes[0]); }, "'node'");
    test::expect_error([&] { kernel_call(one.graph, one.graph.nodes[0]); }, part);
  };
  error_of_call(one_node(MaxPool2D{}, {1, 4, 4, 1}, kUnit, {{2.0F}, {0}, -1, 8}), "different scales");
  error_of_call(one_node(MaxPool2D{}, {2, 4, 4, 1}, kUnit, kUnit), "batch");
  error_of_call(one_node(Softmax{}, {1, 4}, kUnit, kUnit), "1/256");
  const Quantization probabilities{{1.0F / 256}, {-128}, -1, 8};
  error_of_call(one_node(Softmax{}, {1, 8192}, kUnit, probabilities), "8192 classes");
  const OneNode most = one_node(Softmax{}, {1, 8191}, kUnit, probabilities);
  EXPECT_NO_THROW(kernel_call(most.graph, most.graph.nodes[0]));
  error_of_call(one_node(Relu{}, {4}, kUnit, {{1e-30F}, {0}, -1, 8}), "too far apart");
  error_of_call(one_node(Relu{}, {2}, {{1.0F, 1.0F}, {0, 0}, 0, 8}, kUnit), "one scale");
  OneNode dense;
  dense.input(int8_tensor({1, 2}, kUnit));
  dense.constant(int8_tensor({2, 2}, {{1.0F, 1.0F}, {0, 0}, 1, 8}));
  dense.node(FullyConnected{}, DataType::kInt8, kUnit);
  error_of_call(dense, "axis 1");
}

}  // namespace
}  // namespace thimble
