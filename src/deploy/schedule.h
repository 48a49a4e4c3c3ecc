#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "deploy/generated_c.h"
#include "deploy/kernel_choice.h"
#include "deploy/memory_plan.h"
#include "graph/graph.h"

namespace thimble::deploy {

/// The best candidate of each node: the fastest kernel, which cuts its work such that the arena is small for
/// at most 3.5 hundredths more cycles than the fastest cut would take.
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
  /// One a node, in this order: the ways that were counted, the fastest first; empty: chosen by estimates.
  std::vector<std::vector<CountedWay>> counted{};
};

/// The graph's own order, or that of least_peak_order where its arena is smaller.
Schedule schedule(const Graph& graph, std::string_view core);

/// The cycles of each node of a schedule, in its order, as counted where it runs.
using CountCycles = std::function<std::vector<uint64_t>(const Schedule&)>;

/// The same order, with the kernels of the fewest counted cycles, under the same rule on the arena. First
/// every kernel of each node is counted as it is estimated to cut its work best; other cuts are taken to
/// differ from their estimates by as much, and what is then chosen is counted, until all that is chosen was.
/// Where no node has a choice nothing is counted.
Schedule schedule_by_counts(const Graph& graph, std::string_view core, const CountCycles& count);

}  // namespace thimble::deploy
