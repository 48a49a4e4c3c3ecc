#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "deploy/kernel_choice.h"
#include "deploy/memory_plan.h"
#include "graph/graph.h"

namespace thimble::deploy {

/// The best candidate of each node: the fastest kernel, which cuts its work such that the arena is small for
/// at most three hundredths more cycles than the fastest cut would take.
std::vector<KernelChoice> choose_kernels(const Graph& graph, std::string_view core);

/// What the chosen kernels do to memory, for plan_memory.
std::vector<NodeMemory> memory_of(std::span<const KernelChoice> choices);

/// How a graph runs on a core: its nodes' order, their kernels, and where everything lies.
struct Schedule {
  std::vector<size_t> order;          ///< indices into Graph::nodes
  std::vector<KernelChoice> kernels;  ///< one a node, in this order
  MemoryPlan plan;                    ///< likewise
  size_t given_arena_bytes = 0;       ///< what the arena would be in the graph's own order
  bool order_is_exact = true;         ///< NodeOrder::exact
};

/// The graph's own order, or that of least_peak_order where its arena is smaller.
Schedule schedule(const Graph& graph, std::string_view core);

}  // namespace thimble::deploy
