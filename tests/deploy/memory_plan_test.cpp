#include "deploy/memory_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/random.h"
#include "deploy/arena_packing.h"
#include "zoo/zoo.h"

namespace thimble::deploy {
namespace {

/// A random float32 network of nodes that differ in how they touch memory.
Graph random_network(uint64_t seed) {
  Random random(seed);
  Graph graph;
  graph.name = "random";
  std::vector<TensorId> values;
  const int32_t inputs = random.between(1, 3);
  for (int32_t i = 0; i < inputs; ++i) {
    Tensor input;
    input.name = "input";
    input.shape = {1, random.between(1, 4), random.between(1, 4), random.between(1, 5)};
    values.push_back(graph.add(input));
    graph.inputs.push_back(values.back());
  }
  const int32_t nodes = random.between(1, 12);
  for (int32_t n = 0; n < nodes; ++n) {
    const std::string name = "node_" + std::to_string(n);
    // Mostly what was computed last, as networks do.
    const size_t last = values.size() - 1;
    const TensorId x =
        values[random.below(3) == 0 ? random.below(static_cast<uint32_t>(values.size())) : last];
    const Shape shape = graph.tensor(x).shape;
    const auto partner = [&]() -> std::optional<TensorId> {
      for (size_t i = values.size(); i-- > 0;) {
        if (values[i] != x && graph.tensor(values[i]).shape == shape) return values[i];
      }
      return std::nullopt;
    };
    const uint32_t kind = random.below(7);
    const auto other = partner();
    if (kind == 0) {
      values.push_back(graph.append(Relu{}, {x}, name));
    } else if (kind == 1) {
      values.push_back(graph.append(Reshape{{1, static_cast<int32_t>(element_count(shape))}}, {x}, name));
    } else if (kind == 2 && other) {
      values.push_back(graph.append(Add{}, {x, *other}, name));
    } else if (kind == 3) {
      values.push_back(graph.append(Add{}, {x, x}, name));
    } else if (kind == 4 && other) {
      values.push_back(
          graph.append(Concat{random.between(1, static_cast<int32_t>(shape.size()) - 1)}, {x, *other}, name));
    } else if (kind == 5) {
      values.push_back(graph.append(Softmax{}, {x}, name));
    } else {
      Pad pad{std::vector<int32_t>(shape.size(), 0), std::vector<int32_t>(shape.size(), 0)};
      pad.after.back() = random.between(0, 3);
      values.push_back(graph.append(pad, {x}, name));
    }
  }
  graph.outputs = {values.back()};
  if (random.below(2) == 0)
    graph.outputs.push_back(values[random.below(static_cast<uint32_t>(values.size()))]);
  validate(graph);
  return graph;
}

/// Runs the graph on an arena whose bytes remember which tensor's content they hold, and says what goes
/// wrong.
std::string misuse(const Graph& graph, const MemoryPlan& plan, std::span<const NodeMemory> memory = {}) {
  std::vector<TensorId> content(graph.tensors.size());
  std::iota(content.begin(), content.end(), 0);
  std::vector<TensorId> arena(plan.arena_bytes, kNoTensor);
  const auto begin_of = [&](TensorId id) { return plan.offsets[static_cast<size_t>(id)]; };
  const auto write = [&](TensorId id) {
    for (size_t b = 0; b < graph.tensor(id).bytes(); ++b)
      arena.at(begin_of(id) + b) = content[static_cast<size_t>(id)];
  };
  const auto holds = [&](TensorId id) {
    for (size_t b = 0; b < graph.tensor(id).bytes(); ++b) {
      if (arena.at(begin_of(id) + b) != content[static_cast<size_t>(id)]) return false;
    }
    return true;
  };
  for (const TensorId input : graph.inputs) write(input);
  for (const TensorId input : graph.inputs) {
    if (!holds(input)) return "two inputs overlap";
  }
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const TensorId output = node.outputs[0];
    if (!memory.empty() && memory[n].scratch_bytes > 0) {
      const size_t begin = plan.scratch_offsets[n];
      const size_t end = begin + memory[n].scratch_bytes;
      if (begin % MemoryPlan::kTensorAlignment != 0) return node.name + "'s scratch is not aligned";
      if (begin < begin_of(output) + graph.tensor(output).bytes() && begin_of(output) < end) {
        return node.name + " writes over its scratch";
      }
      std::fill(arena.begin() + static_cast<ptrdiff_t>(begin), arena.begin() + static_cast<ptrdiff_t>(end),
                kNoTensor);
    }
    for (const TensorId input : node.inputs) {
      if (!holds(input)) return node.name + " reads what was written over";
      const bool apart = begin_of(input) + graph.tensor(input).bytes() <= begin_of(output) ||
                         begin_of(output) + graph.tensor(output).bytes() <= begin_of(input);
      if (apart) continue;
      const bool reshape = std::holds_alternative<Reshape>(node.op);
      const bool elementwise = std::holds_alternative<Add>(node.op) ||
                               std::holds_alternative<Relu>(node.op) ||
                               std::holds_alternative<Softmax>(node.op);
      const bool exact =
          begin_of(input) == begin_of(output) && graph.tensor(input).bytes() == graph.tensor(output).bytes();
      if (!exact || (!reshape && !elementwise))
        return node.name + " writes over an input that it still reads";
    }
    if (begin_of(output) % MemoryPlan::kTensorAlignment != 0) return node.name + " is not aligned";
    if (std::holds_alternative<Reshape>(node.op)) {
      if (begin_of(output) != begin_of(node.inputs[0])) return node.name + " moves its input";
      content[static_cast<size_t>(output)] = content[static_cast<size_t>(node.inputs[0])];
    }
    write(output);
  }
  for (const TensorId output : graph.outputs) {
    if (!holds(output)) return "an output was written over";
  }
  return "";
}

TEST(MemoryPlan, no_live_tensor_is_ever_overwritten) {
  EXPECT_TRUE(rc::check([](uint64_t seed) {
    const Graph graph = random_network(seed);
    const MemoryPlan plan = plan_memory(graph);
    RC_ASSERT(misuse(graph, plan) == "");
    RC_ASSERT(plan.arena_bytes >= plan.lower_bound_bytes);
  }));
}

TEST(MemoryPlan, scratch_lies_apart_from_all_that_is_live_at_its_node) {
  EXPECT_TRUE(rc::check([](uint64_t seed) {
    const Graph graph = random_network(seed);
    Random random(seed + 1);
    std::vector<NodeMemory> nodes(graph.nodes.size());
    for (NodeMemory& node : nodes) {
      if (random.below(2) == 0) node.scratch_bytes = static_cast<size_t>(random.between(1, 100));
    }
    const MemoryPlan plan = plan_memory(graph, nodes);
    RC_ASSERT(misuse(graph, plan, nodes) == "");
    RC_ASSERT(plan.arena_bytes >= plan.lower_bound_bytes);
  }));
}

TEST(MemoryPlan, small_networks_are_planned_optimally) {
  for (uint64_t seed = 0; seed < 300; ++seed) EXPECT_TRUE(plan_memory(random_network(seed)).optimal) << seed;
}

TEST(MemoryPlan, of_a_chain_is_its_two_largest_neighbours) {
  Graph graph;
  Tensor input;
  input.shape = {1, 8, 8, 1};
  graph.inputs = {graph.add(input)};
  const MaxPool2D pool{.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2, .padding = {}};
  const TensorId x = graph.append(pool, {graph.inputs[0]}, "first");
  graph.outputs = {graph.append(pool, {x}, "second")};
  const MemoryPlan plan = plan_memory(graph);
  EXPECT_EQ(plan.arena_bytes, (64U + 16U) * 4U);
  EXPECT_TRUE(plan.optimal);
  EXPECT_EQ(plan.live_bytes, (std::vector<size_t>{(64 + 16) * 4, (16 + 4) * 4}));
}

TEST(MemoryPlan, operators_write_over_an_operand_that_dies_with_them) {
  Graph graph;
  Tensor input;
  input.shape = {1, 10};
  graph.inputs = {graph.add(input)};
  const TensorId a = graph.append(Relu{}, {graph.inputs[0]}, "a");
  const TensorId b = graph.append(Softmax{}, {a}, "b");
  graph.outputs = {graph.append(Reshape{{1, 1, 10}}, {b}, "c")};
  EXPECT_EQ(plan_memory(graph).arena_bytes, 40U);
}

TEST(MemoryPlan, an_operand_that_is_read_again_is_kept) {
  Graph graph;
  Tensor input;
  input.shape = {1, 10};
  graph.inputs = {graph.add(input)};
  const TensorId a = graph.append(Relu{}, {graph.inputs[0]}, "a");
  const TensorId same = graph.append(Reshape{{1, 10}}, {a}, "same");
  const TensorId b = graph.append(Softmax{}, {a}, "b");
  graph.outputs = {graph.append(Add{}, {same, b}, "c")};
  const MemoryPlan plan = plan_memory(graph);
  EXPECT_EQ(plan.arena_bytes, 80U);
  EXPECT_EQ(misuse(graph, plan), "");
}

TEST(MemoryPlan, of_the_zoo_is_optimal_and_sound) {
  for (const zoo::Entry& entry : zoo::entries()) {
    const Graph graph = zoo::build(entry.name, 1);
    const MemoryPlan plan = plan_memory(graph);
    EXPECT_TRUE(plan.optimal) << entry.name << " " << plan.arena_bytes << " >= " << plan.lower_bound_bytes;
    EXPECT_GE(plan.arena_bytes, plan.lower_bound_bytes);
  }
}

/// The least packing by trying every order of lowest-fit placement.
size_t least_by_brute_force(const std::vector<Block>& blocks) {
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  size_t least = SIZE_MAX;
  do {
    std::vector<size_t> offset(blocks.size(), 0);
    size_t total = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      const Block& block = blocks[order[i]];
      size_t at = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (size_t j = 0; j < i; ++j) {
          const Block& other = blocks[order[j]];
          const bool clash = block.overlaps(other) && at < offset[order[j]] + other.bytes &&
                             offset[order[j]] < at + block.bytes;
          if (clash) at = offset[order[j]] + other.bytes, moved = true;
        }
      }
      offset[order[i]] = at;
      total = std::max(total, at + block.bytes);
    }
    least = std::min(least, total);
  } while (std::ranges::next_permutation(order).found);
  return least;
}

TEST(ArenaPacking, is_as_small_as_the_best_of_all_orders) {
  Random random(7);
  int beyond_the_bound = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<Block> blocks(static_cast<size_t>(random.between(1, 7)));
    for (Block& block : blocks) {
      block.first = random.between(0, 6);
      block.last = block.first + random.between(0, 4);
      block.bytes = static_cast<size_t>(random.between(1, 9));
    }
    const Packing packing = pack(blocks, 1'000'000);
    const size_t least = least_by_brute_force(blocks);
    EXPECT_EQ(packing.bytes, least) << round;
    EXPECT_TRUE(packing.exhausted);
    beyond_the_bound += least > lower_bound_bytes(blocks) ? 1 : 0;
  }
  RecordProperty("beyond_the_bound", beyond_the_bound);
}

TEST(ArenaPacking, beats_first_fit_where_first_fit_is_not_best) {
  Random random(11);
  int better = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<Block> blocks(14);
    for (Block& block : blocks) {
      block.first = random.between(0, 12);
      block.last = block.first + random.between(0, 5);
      block.bytes = static_cast<size_t>(random.between(1, 40));
    }
    const Packing heuristic = pack(blocks, 0);
    const Packing exact = pack(blocks, 200'000);
    EXPECT_LE(exact.bytes, heuristic.bytes);
    EXPECT_GE(exact.bytes, lower_bound_bytes(blocks));
    for (size_t a = 0; a < blocks.size(); ++a) {
      for (size_t b = 0; b < a; ++b) {
        const bool apart = exact.offsets[a] + blocks[a].bytes <= exact.offsets[b] ||
                           exact.offsets[b] + blocks[b].bytes <= exact.offsets[a];
        EXPECT_TRUE(apart || !blocks[a].overlaps(blocks[b]));
      }
    }
    better += exact.bytes < heuristic.bytes ? 1 : 0;
  }
  EXPECT_GT(better, 0);
}

}  // namespace
}  // namespace thimble::deploy
