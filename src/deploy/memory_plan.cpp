#include "deploy/memory_plan.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <optional>

#include "deploy/arena_packing.h"

namespace thimble::deploy {
namespace {

// Placements that one plan may try, times the values in it: what a placement costs grows with them. About a
// second.
constexpr uint64_t kWorkLimit = 20'000'000;

size_t round_up(size_t bytes) {
  constexpr size_t kMask = MemoryPlan::kTensorAlignment - 1;
  return (bytes + kMask) & ~kMask;
}

/// The elements that one or more tensors hold (a Reshape's result is the value of its input), or scratch.
/// Moments: 0 is before the first node, i + 1 is node i, the last is after the last node.
using Values = std::vector<Block>;

/// A node that could write its output over one of some values.
struct Opportunity {
  size_t output;
  std::vector<size_t> operands;
};

struct Lives {
  Values values;
  std::vector<std::optional<size_t>> value_of;    ///< a tensor
  std::vector<std::optional<size_t>> scratch_of;  ///< a node
  std::vector<Opportunity> opportunities;
};

Lives lives_of(const Graph& graph, std::span<const NodeMemory> nodes) {
  Lives lives;
  lives.value_of.resize(graph.tensors.size());
  const auto value_of = [&](TensorId id) -> std::optional<size_t>& {
    return lives.value_of[static_cast<size_t>(id)];
  };
  const auto begin = [&](TensorId id, int32_t moment) {
    if (value_of(id)) return;
    value_of(id) = lives.values.size();
    lives.values.push_back({moment, moment, round_up(graph.tensor(id).bytes())});
  };
  const auto touch = [&](TensorId id, int32_t moment) {
    if (value_of(id)) lives.values[*value_of(id)].last = moment;
  };

  for (const TensorId input : graph.inputs) begin(input, 0);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const auto moment = static_cast<int32_t>(i) + 1;
    for (const TensorId input : node.inputs) touch(input, moment);
    if (std::holds_alternative<Reshape>(node.op)) value_of(node.outputs[0]) = value_of(node.inputs[0]);
    for (const TensorId output : node.outputs) begin(output, moment);
  }
  for (const TensorId output : graph.outputs) touch(output, static_cast<int32_t>(graph.nodes.size()) + 1);

  lives.scratch_of.resize(graph.nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].scratch_bytes == 0) continue;
    const auto moment = static_cast<int32_t>(i) + 1;
    lives.scratch_of[i] = lives.values.size();
    lives.values.push_back({moment, moment, round_up(nodes[i].scratch_bytes)});
  }

  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    Opportunity opportunity{.output = *value_of(node.outputs[0]), .operands = {}};
    for (const size_t position : overwritable_inputs(graph, node)) {
      const std::optional<size_t> value = value_of(node.inputs[position]);
      if (!value || lives.values[*value].last != static_cast<int32_t>(i) + 1) continue;
      if (std::ranges::find(opportunity.operands, *value) == opportunity.operands.end()) {
        opportunity.operands.push_back(*value);
      }
    }
    if (!opportunity.operands.empty()) lives.opportunities.push_back(std::move(opportunity));
  }
  return lives;
}

/// Bytes live at each moment when every opportunity is taken.
std::vector<size_t> least_live_bytes(const Lives& lives, size_t moments) {
  std::vector<size_t> live(moments, 0);
  for (const Block& value : lives.values) {
    for (int32_t t = value.first; t <= value.last; ++t) live[static_cast<size_t>(t)] += value.bytes;
  }
  for (const Opportunity& opportunity : lives.opportunities) {
    const Block& output = lives.values[opportunity.output];
    live[static_cast<size_t>(output.first)] -= output.bytes;
  }
  return live;
}

/// Packs with choices[k] saying which operand opportunity k overwrites; operands.size() means none.
struct Placement {
  Packing packing;
  std::vector<size_t> block_of;  ///< a value
};

Placement place(const Lives& lives, const std::vector<size_t>& choices, uint64_t step_limit) {
  Placement placement;
  placement.block_of.resize(lives.values.size());
  std::iota(placement.block_of.begin(), placement.block_of.end(), size_t{0});
  // Opportunities ascend by node, so an operand's own home is settled before it is overwritten.
  for (size_t k = 0; k < choices.size(); ++k) {
    const Opportunity& opportunity = lives.opportunities[k];
    if (choices[k] == opportunity.operands.size()) continue;
    placement.block_of[opportunity.output] = placement.block_of[opportunity.operands[choices[k]]];
  }
  std::vector<Block> blocks;
  std::vector<size_t> index_of(lives.values.size());
  for (size_t v = 0; v < lives.values.size(); ++v) {
    const size_t home = placement.block_of[v];
    if (home == v) {
      index_of[v] = blocks.size();
      blocks.push_back(lives.values[v]);
    } else {
      Block& block = blocks[index_of[home]];
      block.last = std::max(block.last, lives.values[v].last);
    }
  }
  for (size_t& home : placement.block_of) home = index_of[home];
  placement.packing = pack(blocks, step_limit);
  return placement;
}

/// The next combination of choices, most overwriting first; false after the last.
bool advance(const Lives& lives, std::vector<size_t>& choices) {
  for (size_t k = 0; k < choices.size(); ++k) {
    if (++choices[k] <= lives.opportunities[k].operands.size()) return true;
    choices[k] = 0;
  }
  return false;
}

}  // namespace

std::vector<size_t> overwritable_inputs(const Graph& graph, const Node& node) {
  const bool elementwise =
      std::visit(Overload{[](const Sub&) { return true; }, [](const Maximum&) { return true; },
                          [](const Minimum&) { return true; }, [](const Sigmoid&) { return true; },
                          [](const Tanh&) { return true; }, [](const HardSwish&) { return true; },
                          [](const LeakyRelu&) { return true; }, [](const Transpose&) { return false; },
                          [](const Slice&) { return false; }, [](const ResizeNearest&) { return false; },
                          [](const Add&) { return true; }, [](const Mul&) { return true; },
                          [](const Softmax&) { return true; }, [](const Relu&) { return true; },
                          [](const Relu6&) { return true; }, [](const Quantize&) { return true; },
                          [](const Conv2D&) { return false; }, [](const DepthwiseConv2D&) { return false; },
                          [](const FullyConnected&) { return false; }, [](const MaxPool2D&) { return false; },
                          [](const AveragePool2D&) { return false; }, [](const Mean&) { return false; },
                          // Its result already is its input.
                          [](const Reshape&) { return false; }, [](const Concat&) { return false; },
                          [](const Pad&) { return false; }, [](const Dequantize&) { return false; },
                          [](const BatchNorm&) { return false; }},
                 node.op);
  if (!elementwise) return {};
  const Tensor& output = graph.tensor(node.outputs[0]);
  std::vector<size_t> positions;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Tensor& input = graph.tensor(node.inputs[i]);
    // The same shape, so that no element of a broadcast operand is read after it was written over.
    const bool same = input.elements() == output.elements() && input.type == output.type;
    if (same && !input.is_constant()) positions.push_back(i);
  }
  return positions;
}

MemoryPlan plan_memory(const Graph& graph, std::span<const NodeMemory> nodes) {
  assert(nodes.empty() || nodes.size() == graph.nodes.size());
  const Lives lives = lives_of(graph, nodes);
  const std::vector<size_t> live = least_live_bytes(lives, graph.nodes.size() + 2);

  MemoryPlan plan;
  plan.lower_bound_bytes = live.empty() ? 0 : *std::ranges::max_element(live);
  plan.live_bytes.assign(live.begin() + 1, live.end() - 1);

  // Overwriting rarely costs anything, but it ties two values to one offset: when the packing misses the
  // bound, fewer ties may do better.
  std::vector<size_t> choices(lives.opportunities.size(), 0);
  const uint64_t step_limit = kWorkLimit / std::max<uint64_t>(lives.values.size(), 40);
  Placement best = place(lives, choices, step_limit / 2);
  bool exhausted = best.packing.exhausted;
  uint64_t steps = best.packing.steps;
  while (best.packing.bytes > plan.lower_bound_bytes && advance(lives, choices)) {
    if (steps >= step_limit) {
      exhausted = false;
      break;
    }
    Placement other = place(lives, choices, step_limit - steps);
    steps += other.packing.steps + lives.values.size();
    exhausted = exhausted && other.packing.exhausted;
    if (other.packing.bytes < best.packing.bytes) best = std::move(other);
  }

  plan.arena_bytes = best.packing.bytes;
  plan.optimal = plan.arena_bytes == plan.lower_bound_bytes || exhausted;
  plan.offsets.assign(graph.tensors.size(), MemoryPlan::kNowhere);
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    if (lives.value_of[t]) plan.offsets[t] = best.packing.offsets[best.block_of[*lives.value_of[t]]];
  }
  plan.scratch_offsets.assign(graph.nodes.size(), MemoryPlan::kNowhere);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (lives.scratch_of[i]) {
      plan.scratch_offsets[i] = best.packing.offsets[best.block_of[*lives.scratch_of[i]]];
    }
  }
  return plan;
}

}  // namespace thimble::deploy
