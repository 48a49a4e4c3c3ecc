#include "deploy/node_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"
#include "deploy/c_writer.h"
#include "deploy/emulator/program.h"
#include "deploy/kernel_overlap.h"
#include "deploy/run_model.h"
#include "deploy/schedule.h"

namespace thimble::deploy {
namespace {

/// Few nodes that read any value before them, so that many orders are possible: element-wise ones (in place),
/// Pads and Slices (other sizes), Reshapes.
Graph random_dag(Random& random) {
  Graph graph;
  graph.name = "dag";
  std::vector<TensorId> values;
  for (int32_t i = random.between(1, 2); i > 0; --i) {
    Tensor input;
    input.name = "input";
    input.shape = {1, random.between(1, 40)};
    values.push_back(graph.add(input));
    graph.inputs.push_back(values.back());
  }
  const int32_t nodes = random.between(2, 7);
  for (int32_t n = 0; n < nodes; ++n) {
    const std::string name = "node_" + std::to_string(n);
    const auto any = [&] { return values[random.below(static_cast<uint32_t>(values.size()))]; };
    const TensorId x = any();
    const int32_t width = graph.tensor(x).shape.back();
    switch (random.below(5)) {
      case 0:
        values.push_back(graph.append(Relu{}, {x}, name));
        break;
      case 1:
        values.push_back(
            graph.append(Pad{.before = {0, 0}, .after = {0, random.between(1, 40)}, .value = 0}, {x}, name));
        break;
      case 2:
        values.push_back(graph.append(
            Slice{.begin = {0, 0}, .size = {1, random.between(1, width)}, .stride = {1, 1}}, {x}, name));
        break;
      case 3:
        values.push_back(graph.append(Reshape{{1, width}}, {x}, name));
        break;
      default:
        values.push_back(graph.append(Concat{1}, {x, any()}, name));
    }
  }
  graph.outputs = {values.back()};
  if (random.below(3) == 0) graph.outputs.push_back(values[values.size() / 2]);
  validate(graph);
  return graph;
}

/// One or two ways a node, with scratch here and there.
std::vector<std::vector<NodeMemory>> random_ways(const Graph& graph, Random& random) {
  std::vector<std::vector<NodeMemory>> ways;
  for (NodeMemory& memory : portable_memory(graph)) {
    ways.push_back({memory});
    if (random.below(3) == 0) ways.back()[0].scratch_bytes = static_cast<size_t>(random.between(1, 200));
    if (random.below(3) == 0) ways.back().push_back({.scratch_bytes = 20});
  }
  return ways;
}

/// The peak of a graph in its own order, from the plan's own account of what is live.
size_t peak_of(const Graph& graph, std::span<const std::vector<NodeMemory>> ways) {
  std::vector<NodeMemory> first;
  std::vector<NodeMemory> last;
  for (const auto& of_node : ways) {
    first.push_back(of_node.front());
    last.push_back(of_node.back());
  }
  const std::vector<size_t> live_first = live_bytes(graph, first);
  const std::vector<size_t> live_last = live_bytes(graph, last);
  const auto sum = [&](const std::vector<TensorId>& ids) {
    std::vector<TensorId> values;  // a Reshape's result is its input's value
    for (TensorId id : ids) {
      for (bool moved = true; moved;) {
        moved = false;
        for (const Node& node : graph.nodes) {
          if (node.outputs[0] != id || !std::holds_alternative<Reshape>(node.op)) continue;
          id = node.inputs[0];
          moved = true;
        }
      }
      if (std::ranges::find(values, id) == values.end()) values.push_back(id);
    }
    size_t bytes = 0;
    for (const TensorId id : values) bytes += MemoryPlan::round_up(graph.tensor(id).bytes());
    return bytes;
  };
  size_t peak = std::max(sum(graph.inputs), sum(graph.outputs));
  for (size_t i = 0; i < live_first.size(); ++i) {
    peak = std::max(peak, std::min(live_first[i], live_last[i]));
  }
  return peak;
}

bool is_topological(const Graph& graph) {
  const std::vector<int32_t> producer = producers(graph);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const TensorId input : graph.nodes[n].inputs) {
      if (producer[static_cast<size_t>(input)] >= static_cast<int32_t>(n)) return false;
    }
  }
  return true;
}

/// The least peak of all topological orders, tried one after another.
size_t least_peak_of_all(const Graph& graph, std::span<const std::vector<NodeMemory>> ways) {
  std::vector<size_t> order(graph.nodes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  size_t least = peak_of(graph, ways);
  do {
    const Graph ordered = reordered(graph, order);
    if (!is_topological(ordered)) continue;
    std::vector<std::vector<NodeMemory>> of_order;
    for (const size_t node : order) of_order.push_back(ways[node]);
    least = std::min(least, peak_of(ordered, of_order));
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

TEST(NodeOrder, has_the_least_peak_of_all_topological_orders) {
  Random random(5);
  int better = 0;
  for (int round = 0; round < 300; ++round) {
    const Graph graph = random_dag(random);
    const auto ways = random_ways(graph, random);
    const NodeOrder order = least_peak_order(graph, ways);
    const Graph ordered = reordered(graph, order.nodes);
    std::vector<std::vector<NodeMemory>> of_order;
    for (const size_t node : order.nodes) of_order.push_back(ways[node]);
    ASSERT_TRUE(is_topological(ordered)) << round;
    EXPECT_TRUE(order.exact);
    EXPECT_EQ(order.given_peak_bytes, peak_of(graph, ways)) << round;
    EXPECT_EQ(order.peak_bytes, peak_of(ordered, of_order)) << round;
    EXPECT_EQ(order.peak_bytes, least_peak_of_all(graph, ways)) << round;
    EXPECT_EQ(least_peak_order(graph, ways).nodes, order.nodes) << round;
    better += order.peak_bytes < order.given_peak_bytes ? 1 : 0;
  }
  EXPECT_GT(better, 20);
}

/// Branches that each grow and shrink again, all grown first.
Graph branches(int32_t count) {
  Graph graph;
  graph.name = "branches";
  Tensor input;
  input.shape = {1, 16};
  graph.inputs = {graph.add(input)};
  std::vector<TensorId> ends;
  for (int32_t i = 0; i < count; ++i) {
    ends.push_back(graph.append(Pad{.before = {0, 0}, .after = {0, 200 + i}, .value = 0}, graph.inputs,
                                "grow_" + std::to_string(i)));
  }
  for (int32_t i = 0; i < count; ++i) {
    ends[static_cast<size_t>(i)] =
        graph.append(Slice{.begin = {0, 0}, .size = {1, 16}, .stride = {1, 1}},
                     {ends[static_cast<size_t>(i)]}, "shrink_" + std::to_string(i));
  }
  graph.outputs = {graph.append(Concat{1}, ends, "join")};
  return graph;
}

TEST(NodeOrder, is_the_graphs_own_where_there_are_too_many) {
  const Graph graph = branches(6);
  std::vector<std::vector<NodeMemory>> ways;
  for (const NodeMemory& memory : portable_memory(graph)) ways.push_back({memory});
  const NodeOrder order = least_peak_order(graph, ways, 3);
  EXPECT_FALSE(order.exact);
  EXPECT_TRUE(std::ranges::is_sorted(order.nodes));
  EXPECT_EQ(order.peak_bytes, order.given_peak_bytes);
}

TEST(NodeOrder, of_the_generated_c_takes_less_memory_and_computes_the_same) {
  const Graph graph = branches(3);
  const GeneratedC program = write_c(graph);
  EXPECT_FALSE(std::ranges::is_sorted(program.order));
  EXPECT_LT(program.arena_bytes, program.given_arena_bytes / 2);
  EXPECT_EQ(program.given_arena_bytes, plan_memory(graph, portable_memory(graph)).arena_bytes);
  std::vector<float> values(16);
  std::iota(values.begin(), values.end(), 1.0F);
  const auto bytes = Tensor::to_bytes(std::span<const float>(values));
  const std::vector<std::vector<std::byte>> samples = {bytes, bytes};
  const RunResult reference = run_model(graph, samples, "host", true);
  const ProgramRun run = run_on_host(program, samples, {.trace = true});
  EXPECT_EQ(run.outputs, reference.outputs);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    EXPECT_EQ(run.layers[1].at(i).node, static_cast<int>(i));
    EXPECT_EQ(run.layers[1][i].data, reference.layers[1][i].data);
    EXPECT_EQ(program.layers[i].name, graph.nodes[program.order[i]].name);
  }
}

}  // namespace
}  // namespace thimble::deploy
