#include "deploy/memory_plan.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <optional>

#include "deploy/arena_packing.h"

namespace thimble::deploy {
namespace {

// Placements that one plan may try, times the moments in which its values live: what a placement costs grows
// with them. About a second.
constexpr uint64_t kWorkLimit = 40'000'000;

// Of so few nodes that may take a place, every choice of those that do is tried.
constexpr size_t kTakersOfAllChoices = 4;

/// A block is the elements that one or more tensors hold (a Reshape's result is the value of its input), or
/// scratch. Moments: 0 is before the first node, i + 1 is node i, the last is after the last node.
struct Lives {
  std::vector<Block> blocks;
  std::vector<std::optional<size_t>> block_of;    ///< a tensor
  std::vector<std::optional<size_t>> scratch_of;  ///< a node
  std::vector<Diagonal> diagonals;
};

/// What becomes of each node that may take its input's place.
enum class Place : uint8_t {
  kApart,
  kTaken,
  kLoose,  ///< it begins where the input does or below: less than kTaken or kApart ask for
};

/// Every value and scratch as a block of its own.
Lives separate_lives(const Graph& graph, std::span<const NodeMemory> nodes) {
  Lives lives;
  lives.block_of.resize(graph.tensors.size());
  lives.scratch_of.resize(graph.nodes.size());
  const auto block_of = [&](TensorId id) -> std::optional<size_t>& {
    return lives.block_of[static_cast<size_t>(id)];
  };
  const auto begin = [&](TensorId id, int32_t moment) {
    if (block_of(id)) return;
    block_of(id) = lives.blocks.size();
    lives.blocks.push_back({moment, moment, MemoryPlan::round_up(graph.tensor(id).bytes())});
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
      lives.blocks.push_back({moment, moment, MemoryPlan::round_up(nodes[i].scratch_bytes)});
    }
  }
  for (const TensorId output : graph.outputs) touch(output, static_cast<int32_t>(graph.nodes.size()) + 1);
  return lives;
}

/// The block whose place a node's output may take: that of an input which nobody reads afterwards.
std::optional<size_t> place_for_output(const Graph& graph, std::span<const NodeMemory> nodes,
                                       const Lives& lives, size_t node) {
  if (nodes.empty() || !nodes[node].in_place) return std::nullopt;
  const TensorId input = graph.nodes[node].inputs.at(*nodes[node].in_place);
  const std::optional<size_t> source = lives.block_of[static_cast<size_t>(input)];
  if (!source || lives.blocks[*source].last != static_cast<int32_t>(node) + 1) return std::nullopt;
  const auto reads = std::ranges::count_if(graph.nodes[node].inputs, [&](TensorId other) {
    return lives.block_of[static_cast<size_t>(other)] == source;
  });
  return reads == 1 ? source : std::nullopt;
}

/// Makes one block of each output and the input whose place it takes.
void merge(const Graph& graph, std::span<const NodeMemory> nodes, std::span<const Place> places,
           Lives& lives) {
  std::vector<size_t> into(lives.blocks.size());
  std::iota(into.begin(), into.end(), size_t{0});
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::optional<size_t> source = place_for_output(graph, nodes, lives, i);
    if (places[i] != Place::kTaken || !source) continue;
    const size_t target = into[*source];
    const size_t result = *lives.block_of[static_cast<size_t>(graph.nodes[i].outputs[0])];
    into[result] = target;
    lives.blocks[target].last = lives.blocks[result].last;
    lives.blocks[target].bytes = std::max(lives.blocks[target].bytes, lives.blocks[result].bytes);
  }
  std::vector<size_t> index(lives.blocks.size());
  std::vector<Block> kept;
  for (size_t i = 0; i < lives.blocks.size(); ++i) {
    index[i] = kept.size();
    if (into[i] == i) kept.push_back(lives.blocks[i]);
  }
  lives.blocks = std::move(kept);
  for (auto* const blocks : {&lives.block_of, &lives.scratch_of}) {
    for (std::optional<size_t>& block : *blocks) {
      if (block) block = index[into[*block]];
    }
  }
}

/// `places` has one entry a node.
Lives lives_of(const Graph& graph, std::span<const NodeMemory> nodes, std::span<const Place> places) {
  Lives lives = separate_lives(graph, nodes);
  merge(graph, nodes, places, lives);
  const auto block_of = [&](TensorId id) { return lives.block_of[static_cast<size_t>(id)]; };
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const size_t result = *block_of(node.outputs[0]);
    std::vector<Diagonal> diagonals;
    for (size_t position = 0; position < node.inputs.size(); ++position) {
      const std::optional<size_t> source = block_of(node.inputs[position]);
      if (!source || *source == result || lives.blocks[*source].last != static_cast<int32_t>(i) + 1) continue;
      const auto overlap = std::ranges::find(nodes[i].overlaps, position, &Overlap::input);
      const bool allowed = overlap != nodes[i].overlaps.end();
      const bool loose = places[i] == Place::kLoose && nodes[i].in_place == position &&
                         place_for_output(graph, nodes, lives, i);
      // The same value may be read at two positions: both must allow it.
      const size_t lead = loose     ? 0
                          : allowed ? MemoryPlan::round_up(overlap->lead_bytes)
                                    : lives.blocks[result].bytes;
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

std::vector<size_t> live_bytes(const Graph& graph, std::span<const NodeMemory> nodes) {
  assert(nodes.empty() || nodes.size() == graph.nodes.size());
  const Lives lives = lives_of(graph, nodes, std::vector(graph.nodes.size(), Place::kLoose));
  const std::vector<size_t> at_moments = live_bytes(lives.blocks, lives.diagonals);
  std::vector<size_t> live(graph.nodes.size(), 0);
  for (size_t i = 0; i < live.size() && i + 1 < at_moments.size(); ++i) live[i] = at_moments[i + 1];
  return live;
}

MemoryPlan plan_memory(const Graph& graph, std::span<const NodeMemory> nodes) {
  assert(nodes.empty() || nodes.size() == graph.nodes.size());
  std::vector<Place> places(graph.nodes.size(), Place::kTaken);
  Lives lives = lives_of(graph, nodes, places);
  uint64_t moments = 80;  // at the least
  for (const Block& block : lives.blocks) moments += static_cast<uint64_t>(block.last - block.first);
  const uint64_t step_limit = kWorkLimit / moments;
  Packing packing = pack(lives.blocks, lives.diagonals, step_limit);

  const Lives separate = separate_lives(graph, nodes);
  std::vector<size_t> takers;  // nodes that may take a place
  bool equal_sizes = true;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto source = place_for_output(graph, nodes, separate, i);
    if (!source) continue;
    takers.push_back(i);
    equal_sizes &= separate.blocks[*source].bytes ==
                   MemoryPlan::round_up(graph.tensor(graph.nodes[i].outputs[0]).bytes());
  }
  if (!takers.empty()) {
    const Lives loose = lives_of(graph, nodes, std::vector(graph.nodes.size(), Place::kLoose));
    size_t bound = lower_bound_bytes(loose.blocks, loose.diagonals, packing.bytes);
    if (packing.bytes > bound) {
      bound = std::max(bound, pack(loose.blocks, loose.diagonals, step_limit).lower_bound_bytes);
    }
    bool exhausted = packing.exhausted;
    const auto attempt = [&](const std::vector<Place>& tried, uint64_t steps) {
      Lives other = lives_of(graph, nodes, tried);
      Packing packed = pack(other.blocks, other.diagonals, steps);
      exhausted &= packed.exhausted;
      if (packed.bytes >= packing.bytes) return false;
      lives = std::move(other);
      packing = std::move(packed);
      return true;
    };
    if (takers.size() <= kTakersOfAllChoices) {
      for (size_t apart = 1; apart < size_t{1} << takers.size() && packing.bytes > bound; ++apart) {
        for (size_t k = 0; k < takers.size(); ++k) {
          places[takers[k]] = (apart >> k & 1) != 0 ? Place::kApart : Place::kTaken;
        }
        attempt(places, step_limit);
      }
      // One block for both is all there is to it only where both are equally long.
      if (exhausted && equal_sizes) bound = packing.bytes;
    } else {
      for (const size_t i : takers) {
        if (packing.bytes == bound) break;
        places[i] = Place::kApart;
        if (!attempt(places, step_limit / takers.size())) places[i] = Place::kTaken;
      }
    }
    packing.lower_bound_bytes = bound;
    packing.exhausted = packing.bytes == bound;
  }

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
  plan.live_bytes = live_bytes(graph, nodes);
  return plan;
}

}  // namespace thimble::deploy
