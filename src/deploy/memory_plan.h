#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace thimble::deploy {

/// Leave to lay a node's output over an input that nobody reads afterwards: the output begins `lead_bytes`
/// before the input or earlier, so that the kernel, which reads and writes in a known order, never writes
/// over what it still reads.
struct Overlap {
  size_t input = 0;  ///< an index into Node::inputs
  size_t lead_bytes = 0;
  bool operator==(const Overlap&) const = default;
};

/// What the kernel of one node does to memory beside reading its inputs and writing its output.
struct NodeMemory {
  size_t scratch_bytes = 0;  ///< a block of the arena that holds nothing before the node and nothing after it
  std::vector<Overlap> overlaps{};  ///< at most one an input; an input without one stays apart
  /// Leave to take the place of one input (an index into Node::inputs), both beginning at the same byte: of a
  /// kernel that reads all of a channel before it writes that channel, but knows no order among channels.
  std::optional<size_t> in_place{};
};

/// Where every activation lies in one arena while the nodes run in order.
///
/// Graph inputs are live before the first node, graph outputs after the last. Every offset is a multiple of
/// kTensorAlignment, and sizes count rounded up to it. A constant, and a tensor that no node touches, lies
/// nowhere.
struct MemoryPlan {
  static constexpr size_t kNowhere = std::numeric_limits<size_t>::max();
  static constexpr size_t kTensorAlignment = 4;  ///< of each tensor, relative to the arena
  static constexpr size_t kArenaAlignment = 16;  ///< of the arena

  /// Bytes as the plan counts them.
  static constexpr size_t round_up(size_t bytes) {
    return (bytes + kTensorAlignment - 1) & ~(kTensorAlignment - 1);
  }

  std::vector<size_t> offsets;          ///< bytes from the arena's start, one a tensor
  std::vector<size_t> scratch_offsets;  ///< likewise of scratch, one a node; kNowhere where there is none
  size_t arena_bytes = 0;
  size_t lower_bound_bytes = 0;  ///< no plan of this graph in this order with these kernels is smaller
  bool optimal = false;          ///< no plan is smaller: it meets the lower bound or the search was exhausted
  std::vector<size_t> live_bytes;  ///< the least that is live at each node
};

/// The exact plan, by branch and bound (deploy/arena_packing.h) within a number of steps that does not depend
/// on the machine. `nodes` has one entry a node, in order, or none at all: then kernels need no scratch and
/// overlap nothing. A Reshape's result is its input.
///
/// Every node that may takes its input's place, but for those that make the plan smaller by staying apart.
/// The lower bound is that of a looser rule (the output may begin where the input does, or below), so it is
/// one for every such choice.
MemoryPlan plan_memory(const Graph& graph, std::span<const NodeMemory> nodes);

/// The plan's live_bytes, without a plan. Those of a node depend on no other node's memory.
std::vector<size_t> live_bytes(const Graph& graph, std::span<const NodeMemory> nodes);

}  // namespace thimble::deploy
