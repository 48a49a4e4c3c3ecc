#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"
#include "support/random_network.h"

namespace thimble {
namespace {

using test::random_input;
using test::random_network;
using test::run_float32;

template <typename Op>
int64_t count_of(const Graph& graph) {
  return std::count_if(graph.nodes.begin(), graph.nodes.end(),
                       [](const Node& node) { return std::holds_alternative<Op>(node.op); });
}

void expect_same_function(const Graph& before, const Graph& after, uint64_t seed) {
  const auto input = random_input(before, Random(seed).fork(1));
  const auto expected = run_float32(before, input);
  const auto actual = run_float32(after, input);
  ASSERT_EQ(expected.size(), actual.size());
  float magnitude = 1;
  for (const float value : expected) magnitude = std::max(magnitude, std::abs(value));
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(expected[i], actual[i], 2e-5F * magnitude) << "seed " << seed;
}

TEST(FoldBatchNorm, keeps_the_function_of_random_networks) {
  int64_t before = 0;
  int64_t after = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Graph graph = random_network(Random(seed));
    const Graph folded = fold_batch_norm(graph);
    validate(folded);
    before += count_of<BatchNorm>(graph);
    after += count_of<BatchNorm>(folded);
    expect_same_function(graph, folded, seed);
  }
  EXPECT_GT(before, 100);
  EXPECT_EQ(after, 0) << "every batch norm of these networks follows a layer of its own";
}

TEST(FoldBatchNorm, leaves_a_norm_whose_input_somebody_else_reads) {
  Graph graph;
  const auto constant = [&](std::string name, Shape shape, float value) {
    Tensor tensor{.name = std::move(name), .shape = std::move(shape)};
    tensor.data = Tensor::to_bytes(std::span<const float>(std::vector<float>(tensor.elements(), value)));
    return graph.add(std::move(tensor));
  };
  const TensorId x = graph.add({.name = "x", .shape = {1, 3}});
  graph.inputs = {x};
  const TensorId dense = graph.append(FullyConnected{}, {x, constant("w", {2, 3}, 0.5F)}, "dense");
  const TensorId norm = graph.append(
      BatchNorm{},
      {dense, constant("g", {2}, 2), constant("b", {2}, 1), constant("m", {2}, 0), constant("v", {2}, 1)},
      "norm");
  graph.outputs = {graph.append(Add{}, {dense, norm}, "sum")};
  EXPECT_EQ(count_of<BatchNorm>(fold_batch_norm(graph)), 1);
}

TEST(WithoutBatchNorm, takes_no_name_that_another_node_has) {
  Graph graph;
  graph.name = "names";
  const auto constant = [&](std::string name, float value) {
    return graph.add({.name = std::move(name),
                      .shape = {3},
                      .data = Tensor::to_bytes<float>(std::vector<float>(3, value))});
  };
  const TensorId x = graph.add({.name = "x", .shape = {1, 3}});
  graph.inputs = {x};
  const TensorId norm = graph.append(
      BatchNorm{}, {x, constant("g", 2), constant("b", 1), constant("m", 0), constant("v", 1)}, "bn");
  graph.outputs = {graph.append(Mul{}, {norm, constant("three", 3)}, "bn_scale")};
  const Graph without = without_batch_norm(graph);
  EXPECT_NO_THROW(validate(without));
  EXPECT_EQ(count_of<BatchNorm>(without), 0);
  expect_same_function(graph, without, 1);
}

TEST(FuseActivations, keeps_the_function_of_random_networks_and_leaves_no_activation_after_a_layer) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Graph graph = fold_batch_norm(random_network(Random(seed)));
    const Graph fused = fuse_activations(graph);
    validate(fused);
    EXPECT_EQ(count_of<Relu>(fused) + count_of<Relu6>(fused), 0) << "seed " << seed;
    expect_same_function(graph, fused, seed);
  }
}

TEST(RemoveUnused, drops_what_no_output_needs_and_nothing_else) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Graph graph = random_network(Random(seed));
    const size_t nodes = graph.nodes.size();
    graph.append(Relu{}, {graph.inputs[0]}, "unused");
    graph.add({.name = "orphan", .shape = {1}});
    const Graph cleaned = remove_unused(graph);
    EXPECT_EQ(cleaned.nodes.size(), nodes);
    EXPECT_EQ(cleaned.tensors.size() + 2, graph.tensors.size());
    validate(cleaned);
  }
}

}  // namespace
}  // namespace thimble
