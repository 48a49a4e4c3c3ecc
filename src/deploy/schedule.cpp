#include "deploy/schedule.h"

#include <algorithm>
#include <cassert>
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
    Planned planned{.kernels = ways.choices(way), .plan = {}};
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

}  // namespace thimble::deploy
