#include "graph/prune_channels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "graph/builder.h"
#include "support/expect_error.h"
#include "support/random_network.h"

namespace thimble {
namespace {

using test::random_input;
using test::run_float32;

/// Random channels of every group that is free, at least one of each stays.
RemovedChannels draw(const std::vector<ChannelGroup>& groups, Random random) {
  RemovedChannels removed(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    const auto channels = static_cast<int32_t>(groups[g].channels.size());
    if (!groups[g].locked.empty()) continue;
    std::vector<int32_t> order(static_cast<size_t>(channels));
    for (int32_t c = 0; c < channels; ++c) order[static_cast<size_t>(c)] = c;
    random.shuffle(std::span(order));
    removed[g].assign(order.begin(), order.begin() + random.between(0, channels - 1));
  }
  return removed;
}

/// The graph at its full size, with what every node gives multiplied by zero at the removed channels.
Graph masked(const Graph& graph, const std::vector<ChannelGroup>& groups, const RemovedChannels& removed) {
  std::vector<std::vector<float>> masks(graph.tensors.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const int32_t channel : removed[g]) {
      for (const ChannelSlot& slot : groups[g].channels[static_cast<size_t>(channel)]) {
        const Shape& shape = graph.tensor(slot.tensor).shape;
        auto& mask = masks[static_cast<size_t>(slot.tensor)];
        mask.resize(element_count(shape), 1.0F);
        size_t inner = 1;
        for (size_t axis = static_cast<size_t>(slot.axis) + 1; axis < shape.size(); ++axis) {
          inner *= static_cast<size_t>(shape[axis]);
        }
        const auto extent = static_cast<size_t>(shape[static_cast<size_t>(slot.axis)]);
        for (size_t i = 0; i < mask.size(); ++i) {
          if (i / inner % extent == static_cast<size_t>(slot.index)) mask[i] = 0;
        }
      }
    }
  }
  Graph result = graph;
  result.nodes.clear();
  std::vector<TensorId> now(graph.tensors.size());
  for (size_t id = 0; id < now.size(); ++id) now[id] = static_cast<TensorId>(id);
  for (Node node : graph.nodes) {
    for (TensorId& id : node.inputs) id = now[static_cast<size_t>(id)];
    const TensorId output = node.outputs[0];
    const std::string name = node.name + "_masked";
    result.nodes.push_back(std::move(node));
    const auto& mask = masks[static_cast<size_t>(output)];
    if (mask.empty()) continue;
    Tensor constant{.name = name + "_mask", .shape = graph.tensor(output).shape};
    constant.data = Tensor::to_bytes(std::span<const float>(mask));
    const TensorId mask_id = result.add(std::move(constant));
    now[static_cast<size_t>(output)] = result.append(Mul{}, {output, mask_id}, name);
  }
  for (TensorId& id : result.outputs) id = now[static_cast<size_t>(id)];
  return result;
}

size_t removed_count(const RemovedChannels& removed) {
  size_t count = 0;
  for (const auto& channels : removed) count += channels.size();
  return count;
}

TEST(PruneChannels, computes_what_random_networks_compute_with_the_removed_channels_masked) {
  size_t pruned_networks = 0;
  std::set<std::string_view> operators;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Graph graph = test::random_classifier(Random(seed));
    const auto groups = channel_groups(graph);
    const RemovedChannels removed = draw(groups, Random(seed).fork(7));
    const Graph pruned = prune_channels(graph, groups, removed);
    pruned_networks += removed_count(removed) > 0 ? 1 : 0;

    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      EXPECT_EQ(pruned.tensor(pruned.outputs[i]).shape, graph.tensor(graph.outputs[i]).shape);
    }
    const auto input = random_input(graph, Random(seed).fork(1));
    const auto expected = run_float32(masked(graph, groups, removed), input);
    const auto actual = run_float32(pruned, input);
    ASSERT_EQ(expected.size(), actual.size());
    float magnitude = 1;
    for (const float value : expected) magnitude = std::max(magnitude, std::abs(value));
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(expected[i], actual[i], 1e-5F * magnitude) << "seed " << seed;
    }
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const TensorId x = graph.nodes[n].inputs[0];
      if (pruned.tensor(x).shape != graph.tensor(x).shape) operators.insert(name_of(graph.nodes[n].op));
    }
  }
  EXPECT_GT(pruned_networks, 450U);
  for (const char* name :
       {"Conv2D",  "DepthwiseConv2D", "FullyConnected", "Add",       "Mul",       "Sub",
        "Maximum", "Minimum",         "Concat",         "BatchNorm", "MaxPool2D", "AveragePool2D",
        "Mean",    "Reshape",         "Transpose",      "Slice",     "Pad",       "ResizeNearest",
        "Relu",    "Sigmoid"}) {
    EXPECT_TRUE(operators.contains(name)) << "no pruned " << name << " among the random networks";
  }
}

TEST(PruneChannels, shrinks_parameters_and_macs_as_predicted) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Graph graph = test::random_classifier(Random(seed));
    const auto groups = channel_groups(graph);
    const RemovedChannels removed = draw(groups, Random(seed).fork(7));
    const Graph shapes = shapes_without(graph, groups, removed);
    const Graph pruned = prune_channels(graph, groups, removed);
    EXPECT_EQ(parameter_count(shapes), parameter_count(pruned));
    EXPECT_EQ(weight_bytes(shapes), weight_bytes(pruned));
    EXPECT_EQ(mac_count(shapes), mac_count(pruned));
    EXPECT_LE(mac_count(pruned), mac_count(graph));
    EXPECT_EQ(removed_count(removed) > 0, parameter_count(pruned) < parameter_count(graph));
  }
}

/// A convolution of 8 filters, a residual block with `inner` filters, a flattened dense layer of 10.
Graph residual_network(int32_t inner) {
  Graph graph;
  graph.name = "residual";
  const auto constant = [&](std::string name, Shape shape) {
    Tensor tensor{.name = std::move(name), .shape = std::move(shape)};
    tensor.data = Tensor::to_bytes(std::span<const float>(std::vector<float>(tensor.elements(), 0.5F)));
    return graph.add(std::move(tensor));
  };
  const TensorId x = graph.add({.name = "x", .shape = {1, 4, 4, 3}});
  graph.inputs = {x};
  const TensorId stem = graph.append(Conv2D{}, {x, constant("w0", {8, 1, 1, 3})}, "stem");
  const TensorId first = graph.append(Conv2D{}, {stem, constant("w1", {inner, 1, 1, 8})}, "first");
  const TensorId second =
      graph.append(Conv2D{}, {first, constant("w2", {8, 1, 1, inner}), constant("b2", {8})}, "second");
  const TensorId sum = graph.append(Add{}, {stem, second}, "sum");
  const TensorId flat = graph.append(Reshape{{1, -1}}, {sum}, "flat");
  graph.outputs = {graph.append(FullyConnected{}, {flat, constant("w3", {10, 128})}, "dense")};
  validate(graph);
  return graph;
}

TEST(ChannelGroups, are_those_of_a_residual_network) {
  const auto groups = channel_groups(residual_network(6));
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].name, "stem") << "with the second convolution, which is added to it";
  EXPECT_EQ(groups[0].channels.size(), 8U);
  // Filter and input of: stem, first's input, second and its bias, four activations, 16 flattened, 16 inputs.
  EXPECT_EQ(groups[0].channels[0].size(), 1U + 1 + 2 + 3 + 16 + 16);
  EXPECT_EQ(groups[1].name, "first");
  EXPECT_EQ(groups[1].channels.size(), 6U);
  EXPECT_TRUE(groups[1].locked.empty());
  EXPECT_EQ(groups[2].name, "dense");
  EXPECT_EQ(groups[2].locked, "they are an output of the network");
}

TEST(PruneChannels, saves_what_one_can_count_by_hand) {
  const Graph graph = residual_network(6);
  const auto groups = channel_groups(graph);
  const Graph pruned = prune_channels(graph, groups, {{7, 0, 1, 2}, {5, 4}, {}});
  EXPECT_EQ(parameter_count(pruned), 4U * 3 + 4 * 4 + 4 * 4 + 4 + 10 * 64);
  EXPECT_EQ(mac_count(pruned), 16U * (4 * 3 + 4 * 4 + 4 * 4) + 10 * 64);
}

TEST(PruneChannels, takes_the_rows_of_a_dense_layer_that_were_channels) {
  GraphBuilder builder("rows", 3);
  const TensorId x = builder.input("x", {1, 1, 6, 3});
  Graph graph = builder.finish({builder.conv2d(x, 8, {.kernel_h = 1, .kernel_w = 1})});
  const auto constant = [&](std::string name, Shape shape) {
    std::vector<float> values(element_count(shape));
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.1F * static_cast<float>(i % 7) - 0.2F;
    Tensor tensor{.name = std::move(name), .shape = std::move(shape)};
    tensor.data = Tensor::to_bytes(std::span<const float>(values));
    return graph.add(std::move(tensor));
  };
  const TensorId first = graph.append(Transpose{{0, 3, 1, 2}}, {graph.outputs[0]}, "channels_first");
  const TensorId rows = graph.append(Reshape{{8, 6}}, {first}, "rows");
  const TensorId dense = graph.append(FullyConnected{}, {rows, constant("w", {4, 6})}, "dense");
  const TensorId turned = graph.append(Transpose{{1, 0}}, {dense}, "turned");
  const TensorId flat = graph.append(Reshape{{1, 32}}, {turned}, "flat");
  graph.outputs = {graph.append(FullyConnected{}, {flat, constant("v", {5, 32})}, "last")};
  validate(graph);
  const auto groups = channel_groups(graph);
  const auto conv = std::ranges::find(groups, graph.nodes[0].name, &ChannelGroup::name);
  ASSERT_NE(conv, groups.end());
  EXPECT_TRUE(conv->locked.empty()) << conv->locked;
  RemovedChannels removed(groups.size());
  removed[static_cast<size_t>(conv - groups.begin())] = {1, 4, 6};
  const Graph pruned = prune_channels(graph, groups, removed);
  EXPECT_EQ(pruned.tensor(pruned.nodes.back().inputs[0]).shape, (Shape{1, 20}));
  const auto input = random_input(graph, Random(5));
  const auto expected = run_float32(masked(graph, groups, removed), input);
  const auto actual = run_float32(pruned, input);
  ASSERT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(expected[i], actual[i], 1e-5F) << i;
}

TEST(PruneChannels, refuses_what_would_break_the_network) {
  const Graph graph = residual_network(2);
  const auto groups = channel_groups(graph);
  test::expect_error(
      [&] {
        prune_channels(graph, groups, {{}, {0, 1}, {}});
      },
      {"'first'", "would all be removed"});
  test::expect_error(
      [&] {
        prune_channels(graph, groups, {{}, {}, {3}});
      },
      {"'dense'", "an output of the network"});
}

}  // namespace
}  // namespace thimble
