#include "deploy/schedule.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "deploy/node_order.h"

namespace thimble::deploy {
namespace {

// The part of the convolutions' estimated cycles that is given for a smaller arena, at the most, of the
// fewest that they take in the arena of moderate scratch.
constexpr double kCyclesForMemory = 0.035;

/// The best kernel of each node and the ways in which it, and others whose cycles can be compared with its,
/// may cut their work.
std::vector<std::vector<KernelChoice>> ways_of(const Graph& graph, std::string_view core) {
  std::vector<std::vector<KernelChoice>> ways;
  for (const Node& node : graph.nodes) {
    std::vector<KernelChoice> candidates = kernel_candidates(graph, node, core);
    const std::string best = candidates.front().kernel.function;
    std::erase_if(candidates, [&](const KernelChoice& choice) {
      return choice.kernel.function != best && choice.cycles == 0;
    });
    ways.push_back(std::move(candidates));
  }
  return ways;
}

/// The ways of all nodes, the fastest of each first, and what is live at each node by its way.
class Ways {
 public:
  using Selection = std::vector<size_t>;  ///< one way a node

  Ways(const Graph& graph, std::vector<std::vector<KernelChoice>> of_nodes) : of_node_(std::move(of_nodes)) {
    size_t most = 0;
    for (const auto& of_node : of_node_) most = std::max(most, of_node.size());
    for (size_t k = 0; k < most; ++k) {
      Selection way;  // nodes of fewer ways repeat their last
      for (const auto& of_node : of_node_) way.push_back(std::min(k, of_node.size() - 1));
      live_.push_back(live_bytes(graph, memory_of(choices(way))));
      heights_.insert(live_.back().begin(), live_.back().end());
    }
  }

  std::vector<KernelChoice> choices(const Selection& way) const {
    std::vector<KernelChoice> selected;
    for (size_t i = 0; i < way.size(); ++i) selected.push_back(of_node_[i][way[i]]);
    return selected;
  }

  int64_t cycles(const Selection& way) const {
    int64_t sum = 0;
    for (size_t i = 0; i < way.size(); ++i) sum += of_node_[i][way[i]].cycles;
    return sum;
  }

  size_t height(const Selection& way) const {
    size_t most = 0;
    for (size_t i = 0; i < way.size(); ++i) most = std::max(most, live_[way[i]][i]);
    return most;
  }

  /// The fastest way of each node that takes no more than its share of scratch.
  Selection fastest() const {
    Selection way;
    for (const auto& of_node : of_node_) {
      const auto found = std::ranges::find(of_node, false, &KernelChoice::only_if_free);
      way.push_back(static_cast<size_t>(found - of_node.begin()));
    }
    return way;
  }

  /// The fastest way of each node that keeps what is live within a height; nothing if a node has none.
  std::optional<Selection> within(size_t height) const {
    Selection way;
    for (size_t i = 0; i < of_node_.size(); ++i) {
      size_t k = 0;
      while (k < of_node_[i].size() && live_[k][i] > height) ++k;
      if (k == of_node_[i].size()) return std::nullopt;
      way.push_back(k);
    }
    return way;
  }

  /// The same within the least height at which all nodes together take no more cycles than `limit`.
  Selection thriftiest(int64_t limit) const {
    for (const size_t height : heights_) {
      const auto way = within(height);
      if (way && cycles(*way) <= limit) return *way;
    }
    return fastest();
  }

 private:
  std::vector<std::vector<KernelChoice>> of_node_;
  std::vector<std::vector<size_t>> live_;  ///< by way, then by node
  std::set<size_t> heights_;
};

struct Planned {
  Ways::Selection way;
  std::vector<KernelChoice> kernels;
  MemoryPlan plan;
};

/// choose_kernels, with the plan.
Planned choose(const Graph& graph, const Ways& ways) {
  const Ways::Selection fastest = ways.fastest();
  const Ways::Selection as_high = ways.within(ways.height(fastest)).value_or(fastest);
  const int64_t cycles = std::min(ways.cycles(fastest), ways.cycles(as_high));
  const std::set<Ways::Selection> candidates = {
      fastest, as_high,
      ways.thriftiest(cycles + static_cast<int64_t>(kCyclesForMemory * static_cast<double>(cycles)))};
  std::optional<Planned> best;
  int64_t best_cycles = 0;
  for (const Ways::Selection& way : candidates) {
    Planned planned{.way = way, .kernels = ways.choices(way), .plan = {}};
    planned.plan = plan_memory(graph, memory_of(planned.kernels));
    if (best && std::pair(planned.plan.arena_bytes, ways.cycles(way)) >=
                    std::pair(best->plan.arena_bytes, best_cycles))
      continue;
    best = std::move(planned);
    best_cycles = ways.cycles(way);
  }
  return std::move(*best);
}

}  // namespace

std::vector<KernelChoice> choose_kernels(const Graph& graph, std::string_view core) {
  return choose(graph, Ways(graph, ways_of(graph, core))).kernels;
}

std::vector<NodeMemory> memory_of(std::span<const KernelChoice> choices) {
  std::vector<NodeMemory> memory;
  for (const KernelChoice& choice : choices) {
    memory.push_back({choice.scratch_bytes, choice.overlaps, choice.in_place});
  }
  return memory;
}

Schedule schedule(const Graph& graph, std::string_view core) {
  std::vector<std::vector<KernelChoice>> ways = ways_of(graph, core);
  std::vector<std::vector<NodeMemory>> memory;
  for (const auto& of_node : ways) memory.push_back(memory_of(of_node));
  NodeOrder best = least_peak_order(graph, memory);

  Planned given = choose(graph, Ways(graph, ways));
  Schedule result{.order = std::vector<size_t>(graph.nodes.size()),
                  .kernels = std::move(given.kernels),
                  .plan = std::move(given.plan),
                  .given_arena_bytes = 0,
                  .order_is_exact = best.exact};
  std::iota(result.order.begin(), result.order.end(), size_t{0});
  result.given_arena_bytes = result.plan.arena_bytes;
  if (best.peak_bytes == best.given_peak_bytes) return result;
  std::vector<std::vector<KernelChoice>> in_order;
  for (const size_t node : best.nodes) in_order.push_back(std::move(ways[node]));
  const Graph ordered = reordered(graph, best.nodes);
  Planned other = choose(ordered, Ways(ordered, std::move(in_order)));
  if (other.plan.arena_bytes >= result.given_arena_bytes) return result;
  result.order = std::move(best.nodes);
  result.kernels = std::move(other.kernels);
  result.plan = std::move(other.plan);
  return result;
}

namespace {

/// How often what is chosen may turn out not to have been counted.
constexpr int kCountingRounds = 8;

/// The ways of one node, as estimates and counts have them.
class CountedNode {
 public:
  explicit CountedNode(std::vector<KernelChoice> ways) : ways_(std::move(ways)), counts_(ways_.size()) {
    for (const KernelChoice& way : ways_) {
      estimates_.push_back(way.cycles);
      if (std::ranges::find(kernels_, way.kernel.function) == kernels_.end()) {
        kernels_.push_back(way.kernel.function);
      }
    }
  }

  size_t way_count() const { return ways_.size(); }
  size_t kernel_count() const { return kernels_.size(); }

  /// The fastest way that a kernel is estimated to have within its share of scratch.
  size_t best_of_kernel(size_t kernel) const {
    std::optional<size_t> best;
    for (size_t i = 0; i < ways_.size(); ++i) {
      if (ways_[i].kernel.function != kernels_[std::min(kernel, kernels_.size() - 1)]) continue;
      if (!best || (ways_[*best].only_if_free && !ways_[i].only_if_free)) best = i;
    }
    return *best;
  }

  void set_count(size_t way, uint64_t cycles) { counts_[way] = cycles; }
  bool is_counted(size_t way) const { return counts_[way].has_value(); }
  const KernelChoice& way(size_t i) const { return ways_[i]; }

  /// The indices of the ways, the fastest first.
  std::vector<size_t> by_cycles() const {
    std::vector<size_t> order(ways_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, {}, [&](size_t i) { return cycles(i); });
    return order;
  }

  /// What was counted, or what the nearest counted cut of the same kernel says of the estimate.
  int64_t cycles(size_t way) const {
    if (counts_[way]) return static_cast<int64_t>(*counts_[way]);
    std::optional<size_t> nearest;
    for (size_t i = 0; i < ways_.size(); ++i) {
      if (!counts_[i] || ways_[i].kernel.function != ways_[way].kernel.function) continue;
      const auto distance = [&](size_t j) { return std::abs(estimates_[j] - estimates_[way]); };
      if (!nearest || distance(i) < distance(*nearest)) nearest = i;
    }
    const double ratio = static_cast<double>(*counts_[*nearest]) /
                         static_cast<double>(std::max<int64_t>(estimates_[*nearest], 1));
    return static_cast<int64_t>(ratio * static_cast<double>(estimates_[way]));
  }

  std::vector<CountedWay> counted() const {
    std::vector<CountedWay> result;
    for (const size_t i : by_cycles()) {
      if (counts_[i]) result.push_back({ways_[i].kernel.function, ways_[i].extents, *counts_[i]});
    }
    return result;
  }

 private:
  std::vector<KernelChoice> ways_;
  std::vector<int64_t> estimates_;
  std::vector<std::optional<uint64_t>> counts_;
  std::vector<std::string> kernels_;
};

}  // namespace

Schedule schedule_by_counts(const Graph& graph, std::string_view core, const CountCycles& count) {
  Schedule result = schedule(graph, core);
  const Graph ordered = reordered(graph, result.order);
  std::vector<CountedNode> nodes;
  size_t kernels = 0;
  for (const Node& node : ordered.nodes) {
    nodes.emplace_back(kernel_candidates(ordered, node, core));
    kernels = std::max(kernels, nodes.back().kernel_count());
  }
  if (std::ranges::all_of(nodes, [](const CountedNode& node) { return node.way_count() == 1; }))
    return result;
  const auto run = [&](const Ways::Selection& ways) {
    result.kernels.clear();
    for (size_t n = 0; n < nodes.size(); ++n) result.kernels.push_back(nodes[n].way(ways[n]));
    result.plan = plan_memory(ordered, memory_of(result.kernels));
    const std::vector<uint64_t> cycles = count(result);
    for (size_t n = 0; n < nodes.size(); ++n) nodes[n].set_count(ways[n], cycles[n]);
  };
  for (size_t kernel = 0; kernel < kernels; ++kernel) {
    Ways::Selection ways;
    for (const CountedNode& node : nodes) ways.push_back(node.best_of_kernel(kernel));
    run(ways);
  }
  for (int round = 0; round < kCountingRounds; ++round) {
    std::vector<std::vector<KernelChoice>> sorted;
    for (const CountedNode& node : nodes) {
      std::vector<KernelChoice>& ways = sorted.emplace_back();
      for (const size_t i : node.by_cycles()) {
        ways.push_back(node.way(i));
        ways.back().cycles = node.cycles(i);
      }
    }
    const Planned planned = choose(ordered, Ways(ordered, std::move(sorted)));
    Ways::Selection ways;
    bool all_counted = true;
    for (size_t n = 0; n < nodes.size(); ++n) {
      ways.push_back(nodes[n].by_cycles()[planned.way[n]]);
      all_counted = all_counted && nodes[n].is_counted(ways.back());
    }
    result.kernels = planned.kernels;
    result.plan = planned.plan;
    if (all_counted) break;
    run(ways);
  }
  for (const CountedNode& node : nodes) result.counted.push_back(node.counted());
  return result;
}

}  // namespace thimble::deploy
