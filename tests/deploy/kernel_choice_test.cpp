#include "deploy/kernel_choice.h"
#include "deploy/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "deploy/operator_cases.h"
#include "deploy/prepare.h"
#include "graph/builder.h"
#include "graph/quantize_from_ranges.h"
#include "graph/reference_run.h"
#include "kernels/armv7em/conv2d_pointwise_s4.h"
#include "kernels/armv7em/conv2d_pointwise_s8.h"
#include "kernels/armv7em/conv2d_tiled_s4.h"
#include "kernels/armv7em/conv2d_tiled_s8.h"
#include "kernels/armv7em/conv2d_winograd_s4.h"
#include "kernels/armv7em/conv2d_winograd_s8.h"
#include "kernels/armv7em/depthwise_conv2d_plane_s4.h"
#include "kernels/armv7em/depthwise_conv2d_plane_s8.h"
#include "kernels/armv7em/fully_connected_rows_s4.h"
#include "kernels/armv7em/fully_connected_rows_s8.h"
#include "kernels/generic/conv2d_s4.h"
#include "kernels/generic/depthwise_conv2d_s4.h"
#include "kernels/generic/fully_connected_s4.h"
#include "kernels/mac16/conv2d_s4.h"
#include "kernels/mac16/conv2d_s8.h"
#include "kernels/mac16/depthwise_conv2d_s4.h"
#include "kernels/mac16/depthwise_conv2d_s8.h"
#include "kernels/mac16/fully_connected_s4.h"
#include "kernels/mac16/fully_connected_s8.h"
#include "kernels/scalar/conv2d_s4.h"
#include "kernels/scalar/conv2d_s8.h"
#include "kernels/scalar/fully_connected_s4.h"
#include "kernels/scalar/fully_connected_s8.h"
#include "zoo/zoo.h"

// Every way in which a kernel with scratch may be called, one node at a time on this machine: canaries around
// its scratch and its output stand, and its bytes are the reference's, apart from its input as well as over
// it.

namespace thimble::deploy {
namespace {

constexpr size_t kCanaryBytes = 64;
constexpr auto kCanary = std::byte{0xA7};

/// Bytes between canaries, aligned to 16.
class Guarded {
 public:
  explicit Guarded(size_t bytes) : bytes_(bytes), memory_(bytes + 2 * kCanaryBytes + 16, kCanary) {}
  std::byte* data() {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data()) + kCanaryBytes;
    return memory_.data() + kCanaryBytes + (16 - address % 16) % 16;
  }
  bool intact() {
    const auto* const begin = data();
    return std::all_of(memory_.data(), data(), is_canary) &&
           std::all_of(begin + bytes_, static_cast<const std::byte*>(memory_.data()) + memory_.size(),
                       is_canary);
  }

 private:
  static bool is_canary(std::byte byte) { return byte == kCanary; }
  size_t bytes_;
  std::vector<std::byte> memory_;
};

/// Calls what kernel_candidates named; false for a kernel that is not called here.
bool call_kernel(const Graph& graph, const Node& node, const KernelChoice& choice, const int8_t* input,
                 uint32_t* scratch, int8_t* output) {
  const KernelCall call = kernel_call(graph, node);
  const Tensor& weights = graph.tensor(node.inputs[1]);
  const WeightLayout layout = choice.layout ? choice.layout(weights) : WeightLayout{};
  const std::vector<uint32_t> words(layout.elements.begin(), layout.elements.end());
  const std::vector<uint8_t> bytes(layout.elements.begin(), layout.elements.end());
  const std::vector<int8_t> plain = int8_values(weights);
  const int32_t* const bias =
      node.inputs.size() > 2 ? graph.tensor(node.inputs[2]).values<int32_t>().data() : nullptr;
  const int32_t* const multipliers = call.multipliers.data();
  const int32_t* const shifts = call.shifts.data();
  const std::string& name = choice.kernel.function;
  const auto in_tiles = [&](const auto& kernel) {
    kernel(&std::get<thimble_conv2d_parameters>(call.parameters), input, words.data(), choice.factors.data(),
           scratch, choice.extents.at(0), choice.extents.at(1), output);
    return true;
  };
  const auto dense_in_tiles = [&](const auto& kernel) {
    kernel(&std::get<thimble_fully_connected_parameters>(call.parameters), input, words.data(),
           choice.factors.data(), scratch, choice.extents.at(0), choice.extents.at(1), output);
    return true;
  };
  if (name == "thimble_conv2d_scalar_s8")
    return in_tiles([](auto... arguments) { thimble_conv2d_scalar_s8(arguments...); });
  if (name == "thimble_conv2d_scalar_s4")
    return in_tiles([](auto... arguments) { thimble_conv2d_scalar_s4(arguments...); });
  if (name == "thimble_fully_connected_scalar_s8")
    return dense_in_tiles([](auto... arguments) { thimble_fully_connected_scalar_s8(arguments...); });
  if (name == "thimble_fully_connected_scalar_s4")
    return dense_in_tiles([](auto... arguments) { thimble_fully_connected_scalar_s4(arguments...); });
  const auto depthwise_by_channel = [&](const auto& kernel) {
    kernel(&std::get<thimble_depthwise_conv2d_parameters>(call.parameters), input, words.data(),
           choice.factors.data(), scratch, choice.extents.at(0), choice.extents.at(1), output);
    return true;
  };
  if (name == "thimble_depthwise_conv2d_mac16_s8")
    return depthwise_by_channel([](auto... arguments) { thimble_depthwise_conv2d_mac16_s8(arguments...); });
  if (name == "thimble_depthwise_conv2d_mac16_s4")
    return depthwise_by_channel([](auto... arguments) { thimble_depthwise_conv2d_mac16_s4(arguments...); });
  if (name == "thimble_conv2d_mac16_s8")
    return in_tiles([](auto... arguments) { thimble_conv2d_mac16_s8(arguments...); });
  if (name == "thimble_conv2d_mac16_s4")
    return in_tiles([](auto... arguments) { thimble_conv2d_mac16_s4(arguments...); });
  if (name == "thimble_fully_connected_mac16_s8")
    return dense_in_tiles([](auto... arguments) { thimble_fully_connected_mac16_s8(arguments...); });
  if (name == "thimble_fully_connected_mac16_s4")
    return dense_in_tiles([](auto... arguments) { thimble_fully_connected_mac16_s4(arguments...); });
  if (name == "thimble_conv2d_pointwise_s8")
    return in_tiles([](auto... arguments) { thimble_conv2d_pointwise_s8(arguments...); });
  if (name == "thimble_conv2d_pointwise_s4")
    return in_tiles([](auto... arguments) { thimble_conv2d_pointwise_s4(arguments...); });
  if (name == "thimble_conv2d_tiled_s8")
    return in_tiles([](auto... arguments) { thimble_conv2d_tiled_s8(arguments...); });
  if (name == "thimble_conv2d_tiled_s4")
    return in_tiles([](auto... arguments) { thimble_conv2d_tiled_s4(arguments...); });
  if (name == "thimble_conv2d_winograd_s8")
    return in_tiles([](auto... arguments) { thimble_conv2d_winograd_s8(arguments...); });
  if (name == "thimble_conv2d_winograd_s4")
    return in_tiles([](auto... arguments) { thimble_conv2d_winograd_s4(arguments...); });
  const auto with = [&](const auto& parameters, const auto* w, const auto& kernel) {
    kernel(&parameters, input, w, bias, multipliers, shifts, scratch, output);
    return true;
  };
  if (const auto* const p = std::get_if<thimble_conv2d_parameters>(&call.parameters)) {
    if (name == "thimble_conv2d_generic_s4")
      return with(*p, bytes.data(), [](auto... arguments) { thimble_conv2d_generic_s4(arguments...); });
  }
  if (const auto* const p = std::get_if<thimble_depthwise_conv2d_parameters>(&call.parameters)) {
    if (name == "thimble_depthwise_conv2d_plane_s8")
      return with(*p, plain.data(),
                  [](auto... arguments) { thimble_depthwise_conv2d_plane_s8(arguments...); });
    if (name == "thimble_depthwise_conv2d_plane_s4")
      return with(*p, bytes.data(),
                  [](auto... arguments) { thimble_depthwise_conv2d_plane_s4(arguments...); });
    if (name == "thimble_depthwise_conv2d_generic_s4")
      return with(*p, bytes.data(),
                  [](auto... arguments) { thimble_depthwise_conv2d_generic_s4(arguments...); });
  }
  if (const auto* const p = std::get_if<thimble_fully_connected_parameters>(&call.parameters)) {
    if (name == "thimble_fully_connected_rows_s8")
      return with(*p, words.data(), [](auto... arguments) { thimble_fully_connected_rows_s8(arguments...); });
    if (name == "thimble_fully_connected_rows_s4")
      return with(*p, words.data(), [](auto... arguments) { thimble_fully_connected_rows_s4(arguments...); });
    if (name == "thimble_fully_connected_generic_s4")
      return with(*p, bytes.data(),
                  [](auto... arguments) { thimble_fully_connected_generic_s4(arguments...); });
  }
  return false;
}

/// Calls with each way of each kernel of a node, and checks what came of them.
class WayCheck {
 public:
  std::map<std::string, int> called;
  int over_the_input = 0;

  void operator()(const Graph& graph, uint64_t seed, std::string_view core) {
    const Node& node = graph.nodes[0];
    Random random(seed);
    std::vector<std::byte> sample = test::random_sample(graph, random);
    // Inputs at the ends of their range, too
    if (seed % 5 == 0) {
      for (std::byte& byte : sample)
        byte = (byte & std::byte{1}) == std::byte{0} ? std::byte{0x80} : std::byte{0x7F};
    }
    if (seed % 10 == 0) std::ranges::fill(sample, sample[0]);
    ReferenceRun reference(graph);
    const std::span<const std::byte> input(sample);
    reference.run(std::vector<std::span<const std::byte>>{input});
    const auto expected = reference.bytes(node.outputs[0]);
    for (const KernelChoice& choice : kernel_candidates(graph, node, core)) {
      // The distance of the output behind the input, where it may lie over it; then apart from it.
      std::vector<std::optional<ptrdiff_t>> places = {std::nullopt};
      if (choice.in_place) places.emplace_back(0);
      for (const Overlap& overlap : choice.overlaps) {
        if (overlap.input == 0) places.emplace_back(-static_cast<ptrdiff_t>(overlap.lead_bytes));
      }
      for (const auto& place : places) {
        const auto lead = static_cast<size_t>(place ? -*place : 0);
        Guarded scratch(choice.scratch_bytes);
        Guarded memory(place ? std::max(lead + input.size(), expected.size()) : input.size());
        Guarded apart(place ? 0 : expected.size());
        std::ranges::copy(input, memory.data() + lead);
        std::byte* const output = place ? memory.data() : apart.data();
        if (!call_kernel(graph, node, choice, reinterpret_cast<const int8_t*>(memory.data() + lead),
                         reinterpret_cast<uint32_t*>(scratch.data()), reinterpret_cast<int8_t*>(output)))
          continue;
        ++called[choice.kernel.function];
        over_the_input += place ? 1 : 0;
        EXPECT_TRUE(scratch.intact()) << choice.kernel.function << " seed " << seed;
        EXPECT_TRUE(memory.intact() && apart.intact()) << choice.kernel.function << " seed " << seed;
        EXPECT_EQ(std::memcmp(output, expected.data(), expected.size()), 0)
            << choice.kernel.function << ", " << choice.why << ", seed " << seed
            << (place ? ", over its input" : "");
      }
    }
  }
};

/// No weight of -128, or of -8 with 4 bits, which kernels/mac16 cannot hold
void raise_least_weights(Graph& graph) {
  Tensor& weights = graph.tensor(graph.nodes[0].inputs[1]);
  std::vector<int8_t> values = int8_values(weights);
  const bool narrow = weights.type == DataType::kInt4;
  for (int8_t& value : values) value = std::max<int8_t>(value, narrow ? -7 : -127);
  weights.data = narrow ? packed_int4(values) : Tensor::to_bytes<int8_t>(values);
}

TEST(KernelChoice, every_way_of_a_kernel_keeps_to_its_memory_and_gives_the_reference_s_bytes) {
  WayCheck check;
  for (const Operator& op : std::vector<Operator>{Conv2D{}, DepthwiseConv2D{}, FullyConnected{}}) {
    for (uint64_t seed = 0; seed < 400; ++seed) {
      Graph graph;
      test::append_case(graph, op.index(), DataType::kInt8, seed % 4 == 0 ? 20 : 9,
                        Random(seed).fork(op.index()));
      check(graph, seed, "cortex-m4f");
      check(graph, seed, "cortex-m0plus");
      raise_least_weights(graph);
      check(graph, seed, "xtensa-lx6");
    }
  }
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Graph graph;
    test::append_winograd_case(graph, seed % 4 == 0 ? 20 : 9, Random(seed));
    check(graph, seed, "cortex-m4f");
    check(graph, seed, "xtensa-lx6");
  }
  for (uint64_t seed = 400; seed < 1000; ++seed) {
    Graph graph;
    test::append_case(graph, Operator(DepthwiseConv2D{}).index(), DataType::kInt8, 9, Random(seed));
    raise_least_weights(graph);
    check(graph, seed, "xtensa-lx6");
  }
  // Outputs that are larger than the input, or begin outside it
  for (const Padding2D& padding : {Padding2D{2, 2, 2, 2}, Padding2D{3, 0, 1, 1}, Padding2D{0, 0, 3, 3}}) {
    GraphBuilder builder("depthwise", 1);
    Graph network = builder.finish({builder.depthwise_conv2d(builder.input("x", {1, 7, 5, 6}), {})});
    std::get<DepthwiseConv2D>(network.nodes[0].op).padding = padding;
    network.tensor(network.outputs[0]).shape = {1, 5 + padding.top + padding.bottom,
                                                3 + padding.left + padding.right, 6};
    check(quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-8, 8})), 1,
          "xtensa-lx6");
  }
  // One column that lies in the padding, of an image that is one pixel wide
  for (const std::string core : {"xtensa-lx6", "cortex-m0plus", "rv32imc"}) {
    for (const int32_t bits : {8, 4}) {
      GraphBuilder builder("beside", 1);
      Graph network = builder.finish(
          {builder.conv2d(builder.input("x", {1, 16, 1, 8}), 16, {.kernel_h = 3, .kernel_w = 1})});
      auto& conv = std::get<Conv2D>(network.nodes[0].op);
      conv.padding = {.top = 1, .bottom = 1, .left = 1, .right = 0};
      conv.stride_w = 2;
      network.tensor(network.outputs[0]).shape = {1, 16, 1, 16};
      check(
          quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-8, 8}), {.bits = bits}),
          1, core);
    }
  }
  // Whole blocks of kernels/mac16's weights, and what is left of them
  for (const int32_t inputs : {1016, 1020, 1022, 2032}) {
    for (const int32_t bits : {8, 4}) {
      GraphBuilder builder("dense", 1);
      const Graph network = builder.finish({builder.fully_connected(builder.input("x", {1, inputs}), 3)});
      check(
          quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-8, 8}), {.bits = bits}),
          static_cast<uint64_t>(inputs), "xtensa-lx6");
    }
  }
  std::string kernels;
  for (const auto& [kernel, count] : check.called) kernels += kernel + " ";
  EXPECT_EQ(check.called.size(), 23U) << "not each kernel that call_kernel knows: " << kernels;
  EXPECT_GT(check.called["thimble_conv2d_winograd_s8"], 300);
  EXPECT_GT(check.called["thimble_conv2d_winograd_s4"], 150);
  EXPECT_GT(check.called["thimble_conv2d_scalar_s8"], 100);
  EXPECT_GT(check.called["thimble_conv2d_scalar_s4"], 100);
  EXPECT_GT(check.called["thimble_fully_connected_scalar_s8"], 50);
  EXPECT_GT(check.called["thimble_fully_connected_scalar_s4"], 50);
  EXPECT_GT(check.called["thimble_conv2d_mac16_s8"], 100);
  EXPECT_GT(check.called["thimble_conv2d_mac16_s4"], 40);
  EXPECT_GT(check.called["thimble_depthwise_conv2d_mac16_s8"], 50);
  EXPECT_GT(check.called["thimble_depthwise_conv2d_mac16_s4"], 20);
  EXPECT_GT(check.called["thimble_fully_connected_mac16_s8"], 50);
  EXPECT_GT(check.called["thimble_fully_connected_mac16_s4"], 50);
  EXPECT_GT(check.over_the_input, 500);
}

Graph integer_network(const std::string& name, int32_t bits) {
  const Graph network = prepare(zoo::build(name, 1));
  return quantize_from_ranges(network, std::vector<Range>(network.tensors.size(), {-4, 4}), {.bits = bits});
}

TEST(KernelChoice, gives_few_cycles_for_a_smaller_arena) {
  const Graph graph = integer_network("ds-cnn", 8);
  std::vector<KernelChoice> fastest;
  for (const Node& node : graph.nodes) {
    const auto candidates = kernel_candidates(graph, node, "cortex-m4f");
    fastest.push_back(*std::ranges::find(candidates, false, &KernelChoice::only_if_free));
  }
  const std::vector<KernelChoice> chosen = choose_kernels(graph, "cortex-m4f");
  int64_t fastest_cycles = 0;
  int64_t cycles = 0;
  for (size_t i = 0; i < chosen.size(); ++i) {
    EXPECT_EQ(chosen[i].kernel.function, fastest[i].kernel.function);
    fastest_cycles += fastest[i].cycles;
    cycles += chosen[i].cycles;
  }
  EXPECT_GT(cycles, fastest_cycles);
  EXPECT_LE(static_cast<double>(cycles), 1.03 * static_cast<double>(fastest_cycles));
  EXPECT_LT(static_cast<double>(plan_memory(graph, memory_of(chosen)).arena_bytes),
            0.8 * static_cast<double>(plan_memory(graph, memory_of(fastest)).arena_bytes));
}

TEST(KernelChoice, takes_much_scratch_only_where_the_arena_does_not_grow) {
  const Graph graph = integer_network("resnet8", 8);
  std::vector<KernelChoice> modest;
  for (const Node& node : graph.nodes) {
    const auto candidates = kernel_candidates(graph, node, "cortex-m4f");
    modest.push_back(*std::ranges::find(candidates, false, &KernelChoice::only_if_free));
  }
  const std::vector<KernelChoice> chosen = choose_kernels(graph, "cortex-m4f");
  EXPECT_TRUE(std::ranges::any_of(chosen, &KernelChoice::only_if_free));
  EXPECT_LE(plan_memory(graph, memory_of(chosen)).arena_bytes,
            plan_memory(graph, memory_of(modest)).arena_bytes);
}

TEST(KernelChoice, ways_of_a_kernel_stand_by_their_cycles_and_less_scratch_costs_more) {
  const Graph graph = integer_network("resnet8", 8);
  for (const Node& node : graph.nodes) {
    const std::vector<KernelChoice> candidates = kernel_candidates(graph, node, "cortex-m4f");
    for (size_t i = 1; i < candidates.size(); ++i) {
      if (candidates[i].kernel.function != candidates[0].kernel.function) continue;
      EXPECT_GE(candidates[i].cycles, candidates[i - 1].cycles) << node.name;
    }
  }
}

TEST(KernelChoice, weights_of_4_bits_lie_packed_in_flash_on_every_core) {
  const Graph graph = integer_network("ds-cnn", 4);
  for (const std::string core : {"", "cortex-m4f", "cortex-a72", "rv32imc"}) {
    for (const Node& node : graph.nodes) {
      if (node.inputs.size() < 2 || graph.tensor(node.inputs[1]).type != DataType::kInt4) continue;
      const KernelChoice choice = kernel_candidates(graph, node, core).front();
      ASSERT_TRUE(choice.layout) << core << " " << choice.kernel.function;
      const Tensor& weights = graph.tensor(node.inputs[1]);
      // Tiles of four channels are filled up where the taps are few.
      EXPECT_LE(choice.layout(weights).bytes, weights.elements() / 2 + weights.elements() / 8 + 16)
          << core << " " << choice.kernel.function;
    }
  }
}

}  // namespace
}  // namespace thimble::deploy
