#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "base/process.h"
#include "deploy/c_writer.h"
#include "deploy/kernel_choice.h"
#include "deploy/operator_cases.h"
#include "deploy/toy_program.h"
#include "deploy/verify.h"
#include "graph/builder.h"
#include "graph/quantize_from_ranges.h"

// Every operator with random shapes, attributes and numbers: the integer reference, the generated C on this
// machine and the generated C on every emulated core give the same bytes (floats: within kFloatTolerance).
//
// Many cases are nodes of one graph, so that one compilation serves them all.

namespace thimble::deploy {
namespace {

constexpr int32_t kSize = 9;
constexpr size_t kSamples = 3;

device::DeviceProfile device_of(const Target& target) {
  device::DeviceProfile device = device::load_device("nano33ble");
  device.core.value = target.core;
  device.emulated_board.value = target.board;
  return device;
}

Verification run(const Graph& graph, uint64_t seed) {
  validate(graph);
  Random random(seed);
  std::vector<std::vector<std::byte>> samples;
  for (size_t i = 0; i < kSamples; ++i) samples.push_back(test::random_sample(graph, random));
  static const device::DeviceProfile device = device::load_device("nano33ble");
  return verify(graph, device, samples);
}

Graph cases(size_t op, DataType type, int32_t size, size_t count, uint64_t seed) {
  Graph graph;
  graph.name = "cases";
  for (size_t i = 0; i < count; ++i) test::append_case(graph, op, type, size, Random(seed).fork(i));
  return graph;
}

/// The smallest case of an operator that fails, by growing extents.
std::string smallest_failure(size_t op, DataType type, uint64_t seed) {
  for (int32_t size = 1; size <= kSize; ++size) {
    for (size_t i = 0; i < 40; i += 20) {
      const Verification found = run(cases(op, type, size, 20, seed + i), seed);
      if (found.mismatches > 0)
        return "extents up to " + std::to_string(size) + ": " + describe_mismatch(found);
    }
  }
  return "no smaller case fails";
}

void expect_equal_everywhere(DataType type, size_t cases_an_operator, uint64_t seed) {
  Graph graph;
  graph.name = "operators";
  std::vector<size_t> operator_of;
  for (size_t op = 0; op < test::kOperators; ++op) {
    for (size_t i = 0; i < cases_an_operator; ++i) {
      test::append_case(graph, op, type, kSize, Random(seed).fork(op * 1000 + i));
    }
    operator_of.resize(graph.nodes.size(), op);
  }
  const Verification result = run(graph, seed);
  EXPECT_GT(result.bytes_compared, 1000U);
  if (result.mismatches == 0) return;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (graph.nodes[n].name != result.first->layer) continue;
    FAIL() << describe_mismatch(result) << "\nsmallest: " << smallest_failure(operator_of[n], type, seed);
  }
}

TEST(OperatorHarness, every_integer_operator_gives_the_same_bytes_everywhere) {
  for (const uint64_t seed : {1, 2}) expect_equal_everywhere(DataType::kInt8, 8, seed);
}

TEST(OperatorHarness, every_operator_of_int16_activations_gives_the_same_bytes_everywhere) {
  expect_equal_everywhere(DataType::kInt16, 6, 5);
}

TEST(OperatorHarness, every_float_operator_gives_the_same_values_everywhere) {
  expect_equal_everywhere(DataType::kFloat32, 5, 3);
}

class OperatorsOnTarget : public testing::TestWithParam<Target> {};

TEST_P(OperatorsOnTarget, give_the_bytes_of_the_reference) {
  for (const DataType type : {DataType::kInt8, DataType::kInt16, DataType::kFloat32}) {
    Graph graph;
    graph.name = "operators";
    for (size_t op = 0; op < test::kOperators; ++op) {
      for (size_t i = 0; i < 2; ++i) test::append_case(graph, op, type, 6, Random(op * 1000 + i));
    }
    Random random(4);
    const std::vector<std::vector<std::byte>> samples = {test::random_sample(graph, random)};
    const Verification result =
        verify(graph, device_of(GetParam()), samples, {}, {.host = false, .emulator = true});
    EXPECT_GT(result.bytes_compared, 100U);
    EXPECT_EQ(result.mismatches, 0U) << (result.first ? describe_mismatch(result) : "");
  }
}

/// The kernels for NEON work on sixteen channels, elements or taps at a time: shapes around that, and every
/// one of them taken.
TEST(OperatorHarness, neon_kernels_give_the_bytes_of_the_reference) {
  const Target& a72 = *std::ranges::find(targets(), "cortex-a72", &Target::core);
  Graph graph;
  graph.name = "operators";
  const std::vector<Operator> operators = {
      Conv2D{}, DepthwiseConv2D{}, FullyConnected{}, Add{}, MaxPool2D{}, AveragePool2D{}, Mean{}};
  const size_t cases_each = std::getenv("THIMBLE_FULL_TESTS") != nullptr ? 8 : 5;
  for (const Operator& op : operators) {
    for (size_t i = 0; i < cases_each; ++i)
      test::append_case(graph, op.index(), DataType::kInt8, 40, Random(op.index() * 1000 + i));
  }
  const GeneratedC program = write_c(graph, {.prefix = "", .core = a72.core});
  std::set<std::string> neon;
  for (const GeneratedLayer& layer : program.layers) {
    if (layer.kernel.find("_neon_") != std::string::npos) neon.insert(layer.kernel);
  }
  EXPECT_EQ(neon.size(), 10U)
      << "convolution, depthwise, dense, each of 8 and 4 bits, addition, two pools, mean";
  Random random(4);
  const std::vector<std::vector<std::byte>> samples = {test::random_sample(graph, random)};
  const Verification result =
      verify(graph, program, device_of(a72), samples, {}, {.host = false, .emulator = true});
  EXPECT_EQ(result.mismatches, 0U) << (result.first ? describe_mismatch(result) : "");
}

/// Odd sizes, all paddings, one to sixteen groups of input channels; samples at the ends of their range.
TEST(OperatorHarness, convolutions_by_winograd_give_the_bytes_of_the_reference) {
  const device::DeviceProfile device = device::load_device("nano33ble");
  Graph graph;
  graph.name = "convolutions";
  std::map<std::string, int> wanted = {{"thimble_conv2d_winograd_s8", 14}, {"thimble_conv2d_winograd_s4", 8}};
  for (uint64_t i = 0; i < 400; ++i) {
    Graph one;
    test::append_winograd_case(one, 14, Random(i));
    const auto candidates = kernel_candidates(one, one.nodes[0], device.core.value);
    if (wanted[candidates[0].kernel.function]-- > 0) test::append_winograd_case(graph, 14, Random(i));
  }
  ASSERT_EQ(graph.nodes.size(), 22U);
  const GeneratedC program = write_c(graph, {.prefix = "", .core = device.core.value});
  Random random(4);
  std::vector<std::vector<std::byte>> samples = {test::random_sample(graph, random),
                                                 test::random_sample(graph, random)};
  for (std::byte& byte : samples[1])
    byte = (byte & std::byte{1}) == std::byte{0} ? std::byte{0x80} : std::byte{0x7F};
  samples.emplace_back(samples[0].size(), std::byte{0x80});
  samples.emplace_back(samples[0].size(), std::byte{0x7F});
  const Verification result = verify(graph, program, device, samples);
  EXPECT_EQ(result.mismatches, 0U) << (result.first ? describe_mismatch(result) : "");
}

/// Kernels with assembly want literals and many registers, which depends on what the compiler is asked for.
void expect_equal_with_any_optimization(const std::string& core, const Graph& graph,
                                        const std::set<std::string>& kernels) {
  const Target& target = *std::ranges::find(targets(), core, &Target::core);
  if (!find_program(target.tools + "gcc") || !find_program(target.emulator[0])) {
    GTEST_SKIP() << "apt-get install " << target.packages;
  }
  const GeneratedC program = write_c(graph, {.prefix = "", .core = core});
  std::set<std::string> chosen;
  for (const GeneratedLayer& layer : program.layers) chosen.insert(layer.kernel);
  for (const std::string& kernel : kernels) EXPECT_TRUE(chosen.contains(kernel)) << kernel;
  Random random(4);
  std::vector<std::vector<std::byte>> samples;
  for (size_t i = 0; i < kSamples; ++i) samples.push_back(test::random_sample(graph, random));
  const auto expected = run_on_host(write_c(graph), samples).outputs;
  for (const std::vector<std::string>& optimization :
       std::vector<std::vector<std::string>>{{"-O0"},
                                             {"-O1"},
                                             {"-Og"},
                                             {"-O2"},
                                             {"-O3"},
                                             {"-Os"},
                                             {"-O2", "-DTHIMBLE_NO_ASSEMBLY"},
                                             {"-O2", "-fno-omit-frame-pointer"}}) {
    std::vector<std::string> flags = {"-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"};
    flags.insert(flags.end(), optimization.begin(), optimization.end());
    EXPECT_EQ(run_emulated(target, program, samples, {.flags = flags}).outputs, expected)
        << optimization.back();
  }
}

TEST(OperatorHarness, cortex_m4_kernels_compile_and_compute_the_same_with_any_optimization) {
  GraphBuilder builder("small", 1);
  TensorId x = builder.conv2d(builder.input("x", {1, 10, 14, 3}), 16, {.bias = true});
  x = builder.conv2d(x, 16, {.bias = true});
  x = builder.conv2d(builder.depthwise_conv2d(x, {.bias = true}), 6, {.kernel_h = 1, .kernel_w = 1});
  const Graph network =
      builder.finish({builder.fully_connected(builder.flatten(builder.max_pool(x, 2, 2)), 5)});
  expect_equal_with_any_optimization(
      "cortex-m4f", quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-8, 8})),
      {"thimble_conv2d_tiled_s8", "thimble_conv2d_winograd_s8", "thimble_conv2d_pointwise_s8",
       "thimble_depthwise_conv2d_plane_s8", "thimble_fully_connected_rows_s8"});
}

/// Windows of odd and even columns, with and without rows in common, and more taps than lie in two blocks.
TEST(OperatorHarness, mac16_kernels_compile_and_compute_the_same_with_any_optimization) {
  for (const int32_t bits : {8, 4}) {
    GraphBuilder builder("small", 1);
    TensorId x = builder.conv2d(builder.input("x", {1, 20, 28, 3}), 7, {.stride_h = 2, .bias = true});
    x = builder.conv2d(x, 16, {.stride_w = 2, .bias = true});
    x = builder.conv2d(builder.depthwise_conv2d(x, {.bias = true}), 16, {.kernel_h = 1, .kernel_w = 1});
    const Graph network = builder.finish({builder.fully_connected(builder.flatten(x), 5)});
    const std::string type = bits == 8 ? "s8" : "s4";
    expect_equal_with_any_optimization(
        "xtensa-lx6",
        quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-8, 8}), {.bits = bits}),
        {"thimble_conv2d_mac16_" + type, "thimble_depthwise_conv2d_mac16_" + type,
         "thimble_fully_connected_mac16_" + type});
  }
}

/// That two products fit an int16 rests on no weight being -128: such weights get the portable kernel.
TEST(OperatorHarness, weights_of_minus_128_are_not_given_to_neon) {
  Graph graph;
  graph.name = "dense";
  test::append_case(graph, Operator(FullyConnected{}).index(), DataType::kInt8, 9, Random(1));
  Node& node = graph.nodes[0];
  EXPECT_EQ(kernel_candidates(graph, node, "cortex-a72").size(), 2U);
  graph.tensor(node.inputs[1]).data->front() = std::byte{0x80};
  EXPECT_EQ(kernel_candidates(graph, node, "cortex-a72").size(), 1U);
}

/// The names of a network and those of the harness that runs it stay apart.
TEST(OperatorHarness, a_network_may_have_any_name) {
  for (const char* name : {"model", "", "test", "features", "harness"}) {
    GraphBuilder builder(name, 1);
    const Graph network = builder.finish({builder.fully_connected(builder.input("x", {1, 6}), 4)});
    const Graph graph = quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-8, 8}));
    const Verification found = run(graph, 1);
    EXPECT_EQ(found.mismatches, 0U) << name;
    EXPECT_GT(found.bytes_compared, 0U) << name;
  }
}

/// How MAC16's words lie depends on the input's width, too: layers that share weights may not share words.
TEST(OperatorHarness, mac16_words_of_shared_weights_are_each_layer_s_own) {
  GraphBuilder builder("shared", 1);
  const ConvOptions shape = {.kernel_h = 3, .kernel_w = 1, .bias = true};
  const TensorId narrow = builder.conv2d(builder.input("narrow", {1, 5, 1, 3}), 4, shape);
  const TensorId wide = builder.conv2d(builder.input("wide", {1, 5, 5, 3}), 4, shape);
  Graph network = builder.finish({narrow, wide});
  network.nodes[1].inputs[1] = network.nodes[0].inputs[1];
  const Graph graph = quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-8, 8}));
  std::set<std::string> layouts;
  for (const Node& node : graph.nodes) {
    EXPECT_EQ(node.inputs[1], graph.nodes[0].inputs[1]);
    layouts.insert(kernel_candidates(graph, node, "xtensa-lx6")[0].layout(graph.tensor(node.inputs[1])).name);
  }
  EXPECT_EQ(layouts.size(), 2U);
}

/// The least weights have no place in the words of kernels/mac16.
TEST(OperatorHarness, the_least_weights_are_not_given_to_mac16) {
  for (const int32_t bits : {8, 4}) {
    GraphBuilder builder("dense", 1);
    const Graph network = builder.finish({builder.fully_connected(builder.input("x", {1, 6}), 4)});
    Graph graph =
        quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-8, 8}), {.bits = bits});
    Node& node = graph.nodes[0];
    const auto kernel = [&] { return kernel_candidates(graph, node, "xtensa-lx6")[0].kernel.function; };
    EXPECT_NE(kernel().find("mac16"), std::string::npos);
    graph.tensor(node.inputs[1]).data->front() = bits == 8 ? std::byte{0x80} : std::byte{0x08};
    EXPECT_NE(kernel().find("scalar"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(, OperatorsOnTarget, testing::ValuesIn(targets().begin() + 1, targets().end()),
                         [](const testing::TestParamInfo<Target>& target) {
                           return test::identifier(target.param);
                         });

TEST(OperatorHarness, random_networks_give_the_same_bytes_everywhere) {
  for (const auto& [type, count] :
       {std::pair{DataType::kInt8, 16U}, {DataType::kInt16, 6U}, {DataType::kFloat32, 6U}}) {
    Graph graph;
    graph.name = "networks";
    for (uint64_t i = 0; i < count; ++i) {
      test::append_graph(graph, test::random_deployable(type, Random(i)),
                         "network_" + std::to_string(i) + "_");
    }
    const Verification result = run(graph, 5);
    EXPECT_EQ(result.mismatches, 0U) << (result.first ? describe_mismatch(result) : "");
  }
}

/// That the comparison can fail: a kernel whose C was changed after it was written.
TEST(OperatorHarness, a_kernel_that_differs_is_found_and_named) {
  const Graph graph = cases(0, DataType::kInt8, 6, 10, 1);
  GeneratedC program = write_c(graph);
  bool changed = false;
  for (GeneratedFile& file : program.files) {
    const size_t at = file.content.find("(scaled, offset)");
    if (at == std::string::npos) continue;
    file.content.replace(at, 7, "(scaled + 1");
    changed = true;
  }
  ASSERT_TRUE(changed);
  Random random(1);
  const std::vector<std::vector<std::byte>> samples = {test::random_sample(graph, random)};
  const Verification result = verify(graph, program, device::load_device("nano33ble"), samples, {},
                                     {.host = true, .emulator = false});
  ASSERT_GT(result.mismatches, 0U);
  EXPECT_EQ(result.first->side, "C on this machine");
  EXPECT_EQ(result.first->layer.substr(0, 6), "Conv2D");
}

}  // namespace
}  // namespace thimble::deploy
