#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "deploy/memory_plan.h"
#include "graph/graph.h"

namespace thimble::deploy {

/// An order in which a graph's nodes can run.
struct NodeOrder {
  std::vector<size_t> nodes;    ///< indices into Graph::nodes
  size_t peak_bytes = 0;        ///< the most that is live before, at or after any node
  size_t given_peak_bytes = 0;  ///< the same in the graph's own order
  bool exact = true;            ///< no order has a lower peak; else there were too many to search
};

/// The topological order with the least peak, found among all of them by the sets of nodes that have run:
/// what is live at a node depends on that set alone, and of the ways to come to a set the one with the lowest
/// peak is kept. The graph's own order where no other is better, or where more than `set_limit` sets would
/// have to be looked at. The same arguments give the same order.
///
/// `ways` has one entry a node: what its kernel does to memory, in each of the ways (one or more) of which it
/// may take the one that needs least. The peak is what must be live (MemoryPlan::live_bytes), not where it
/// lies: plan_memory says what arena an order takes.
NodeOrder least_peak_order(const Graph& graph, std::span<const std::vector<NodeMemory>> ways,
                           size_t set_limit = 50'000);

/// The graph with its nodes in a topological order of them.
Graph reordered(const Graph& graph, std::span<const size_t> nodes);

}  // namespace thimble::deploy
