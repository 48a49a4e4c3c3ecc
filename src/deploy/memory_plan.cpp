#include "deploy/memory_plan.h"

#include <algorithm>
#include <cassert>
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

/// A block is the elements that one or more tensors hold (a Reshape's result is the value of its input), or
/// scratch. Moments: 0 is before the first node, i + 1 is node i, the last is after the last node.
struct Lives {
  std::vector<Block> blocks;
  std::vector<std::optional<size_t>> block_of;    ///< a tensor
  std::vector<std::optional<size_t>> scratch_of;  ///< a node
  std::vector<Diagonal> diagonals;
};

Lives lives_of(const Graph& graph, std::span<const NodeMemory> nodes) {
  Lives lives;
  lives.block_of.resize(graph.tensors.size());
  lives.scratch_of.resize(graph.nodes.size());
  const auto block_of = [&](TensorId id) -> std::optional<size_t>& {
    return lives.block_of[static_cast<size_t>(id)];
  };
  const auto begin = [&](TensorId id, int32_t moment) {
    if (block_of(id)) return;
    block_of(id) = lives.blocks.size();
    lives.blocks.push_back({moment, moment, round_up(graph.tensor(id).bytes())});
  };
  const auto touch = [&](TensorId id, int32_t moment) {
    if (block_of(id)) lives.blocks[*block_of(id)].last = moment;
  };

  for (const TensorId input : graph.inputs) begin(input, 0);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const auto moment = static_cast<int32_t>(i) + 1;
    for (const TensorId input : node.inputs) touch(input, moment);
    if (std::holds_alternative<Reshape>(node.op)) block_of(node.outputs[0]) = block_of(node.inputs[0]);
    for (const TensorId output : node.outputs) begin(output, moment);
    if (!nodes.empty() && nodes[i].scratch_bytes > 0) {
      lives.scratch_of[i] = lives.blocks.size();
      lives.blocks.push_back({moment, moment, round_up(nodes[i].scratch_bytes)});
    }
  }
  for (const TensorId output : graph.outputs) touch(output, static_cast<int32_t>(graph.nodes.size()) + 1);

  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const size_t result = *block_of(node.outputs[0]);
    std::vector<Diagonal> diagonals;
    for (size_t position = 0; position < node.inputs.size(); ++position) {
      const std::optional<size_t> source = block_of(node.inputs[position]);
      if (!source || *source == result || lives.blocks[*source].last != static_cast<int32_t>(i) + 1) continue;
      const auto overlap = std::ranges::find(nodes[i].overlaps, position, &Overlap::input);
      const bool allowed = overlap != nodes[i].overlaps.end();
      // The same value may be read at two positions: both must allow it.
      const size_t lead = allowed ? round_up(overlap->lead_bytes) : lives.blocks[result].bytes;
      const auto other = std::ranges::find(diagonals, *source, &Diagonal::source);
      if (other != diagonals.end()) {
        other->lead = std::max(other->lead, lead);
      } else {
        diagonals.push_back({.source = *source, .result = result, .lead = lead});
      }
    }
    lives.diagonals.insert(lives.diagonals.end(), diagonals.begin(), diagonals.end());
  }
  return lives;
}

}  // namespace

MemoryPlan plan_memory(const Graph& graph, std::span<const NodeMemory> nodes) {
  assert(nodes.empty() || nodes.size() == graph.nodes.size());
  const Lives lives = lives_of(graph, nodes);
  const std::vector<size_t> live = live_bytes(lives.blocks, lives.diagonals);
  const uint64_t step_limit = kWorkLimit / std::max<uint64_t>(lives.blocks.size(), 40);
  const Packing packing = pack(lives.blocks, lives.diagonals, step_limit);

  MemoryPlan plan;
  plan.arena_bytes = packing.bytes;
  plan.lower_bound_bytes = packing.lower_bound_bytes;
  plan.optimal = packing.exhausted;
  const auto place = [&](std::vector<size_t>& offsets, const std::vector<std::optional<size_t>>& blocks) {
    for (const std::optional<size_t>& block : blocks) {
      offsets.push_back(block ? packing.offsets[*block] : MemoryPlan::kNowhere);
    }
  };
  place(plan.offsets, lives.block_of);
  place(plan.scratch_offsets, lives.scratch_of);
  plan.live_bytes.assign(graph.nodes.size(), 0);
  for (size_t i = 0; i < graph.nodes.size() && i + 1 < live.size(); ++i) plan.live_bytes[i] = live[i + 1];
  return plan;
}

}  // namespace thimble::deploy
