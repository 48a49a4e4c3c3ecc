#include "deploy/node_order.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>
#include <queue>
#include <set>

#include "deploy/arena_packing.h"

namespace thimble::deploy {
namespace {

constexpr size_t kNone = std::numeric_limits<size_t>::max();

/// What several tensors may hold: a Reshape's result is the value of its input.
struct Value {
  size_t bytes = 0;
  bool is_input = false;   ///< live before the first node
  bool is_output = false;  ///< live after the last
  std::vector<size_t> readers{};
};

/// Which nodes have run.
using Done = std::vector<bool>;

/// What is live when a node runs after others, and when it has run.
struct Step {
  size_t during = 0;
  size_t after = 0;
};

class Lifetimes {
 public:
  Lifetimes(const Graph& graph, std::span<const std::vector<NodeMemory>> ways)
      : graph_(graph), ways_(ways), value_of_(graph.tensors.size(), kNone), needs_(graph.nodes.size()) {
    const auto value_of = [&](TensorId id) -> size_t& { return value_of_[static_cast<size_t>(id)]; };
    const auto begin = [&](TensorId id, bool is_input) {
      if (value_of(id) != kNone) return;
      value_of(id) = values_.size();
      values_.push_back({.bytes = MemoryPlan::round_up(graph.tensor(id).bytes()), .is_input = is_input});
    };
    for (const TensorId input : graph.inputs) begin(input, true);
    const std::vector<int32_t> producer = producers(graph);
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const Node& node = graph.nodes[n];
      for (const TensorId input : node.inputs) {
        if (producer[static_cast<size_t>(input)] >= 0)
          needs_[n].push_back(static_cast<size_t>(producer[static_cast<size_t>(input)]));
        if (value_of(input) == kNone) continue;
        std::vector<size_t>& readers = values_[value_of(input)].readers;
        if (readers.empty() || readers.back() != n) readers.push_back(n);
      }
      if (std::holds_alternative<Reshape>(node.op)) value_of(node.outputs[0]) = value_of(node.inputs[0]);
      for (const TensorId output : node.outputs) begin(output, false);
    }
    for (const TensorId output : graph.outputs) {
      if (value_of(output) != kNone) values_[value_of(output)].is_output = true;
    }
  }

  size_t at_the_start() const {
    return sum([](const Value& value) { return value.is_input; });
  }

  size_t at_the_end() const {
    return sum([](const Value& value) { return value.is_output; });
  }

  /// Of the values that are there before any node, those that a node or nobody outside will read.
  size_t after_the_start() const {
    return sum(
        [](const Value& value) { return value.is_input && (value.is_output || !value.readers.empty()); });
  }

  bool is_ready(size_t node, const Done& done) const {
    return std::ranges::all_of(needs_[node], [&](size_t need) { return done[need]; });
  }

  /// `live` bytes are live after the nodes of `done`.
  Step step(size_t node, const Done& done, size_t live) const {
    const Node& at = graph_.nodes[node];
    const size_t result = value_of_[static_cast<size_t>(at.outputs[0])];
    std::vector<size_t> dying;  // with this node
    for (const TensorId input : at.inputs) {
      const size_t value = value_of_[static_cast<size_t>(input)];
      if (value == kNone || value == result || values_[value].is_output) continue;
      const bool is_last = std::ranges::all_of(values_[value].readers,
                                               [&](size_t reader) { return reader == node || done[reader]; });
      if (is_last && std::ranges::find(dying, value) == dying.end()) dying.push_back(value);
    }
    Step step{.during = live, .after = live};
    for (const size_t value : dying) step.after -= values_[value].bytes;
    const bool is_new = value_of_[static_cast<size_t>(at.inputs[0])] != result;  // no Reshape in place
    const bool is_kept = values_[result].is_output || !values_[result].readers.empty();
    if (is_new) step.during += values_[result].bytes;
    if (is_new && is_kept) step.after += values_[result].bytes;
    // A value that several Reshapes pass on may end with one of them.
    if (!is_new && !values_[result].is_output &&
        std::ranges::all_of(values_[result].readers,
                            [&](size_t reader) { return reader == node || done[reader]; })) {
      step.after -= values_[result].bytes;
    }
    size_t least = kNone;
    const size_t base = step.during;
    for (const NodeMemory& memory : ways_[node]) {
      least = std::min(least,
                       base + MemoryPlan::round_up(memory.scratch_bytes) - saved(at, memory, result, dying));
    }
    step.during = least;
    return step;
  }

 private:
  template <typename Predicate>
  size_t sum(const Predicate& counts) const {
    size_t bytes = 0;
    for (const Value& value : values_) bytes += counts(value) ? value.bytes : 0;
    return bytes;
  }

  /// By laying the result over inputs that end with the node, or in the place of one of them.
  size_t saved(const Node& node, const NodeMemory& memory, size_t result,
               std::span<const size_t> dying) const {
    std::vector<Source> sources;
    for (const size_t value : dying) {
      Source source{.bytes = values_[value].bytes, .lead = 0};
      const auto reads = [&](TensorId input) { return value_of_[static_cast<size_t>(input)] == value; };
      const auto count = std::ranges::count_if(node.inputs, reads);
      for (size_t position = 0; position < node.inputs.size(); ++position) {
        if (!reads(node.inputs[position])) continue;
        if (count == 1 && memory.in_place == position) continue;
        const auto overlap = std::ranges::find(memory.overlaps, position, &Overlap::input);
        const bool allowed = overlap != memory.overlaps.end();
        source.lead = std::max(source.lead,
                               allowed ? MemoryPlan::round_up(overlap->lead_bytes) : values_[result].bytes);
      }
      sources.push_back(source);
    }
    return most_saved(values_[result].bytes, sources);
  }

  const Graph& graph_;
  std::span<const std::vector<NodeMemory>> ways_;
  std::vector<Value> values_;
  std::vector<size_t> value_of_;            ///< a tensor; kNone of a constant
  std::vector<std::vector<size_t>> needs_;  ///< a node: those that compute its inputs
};

/// A set of nodes that have run, and how the search came to it.
struct Visit {
  Done done;
  size_t live = 0;
  size_t peak = 0;
  size_t count = 0;  ///< of nodes that have run
  size_t before = kNone;
  size_t node = kNone;  ///< that has run last
};

std::vector<size_t> path_to(const std::vector<Visit>& visits, size_t at) {
  std::vector<size_t> nodes;
  for (; visits[at].node != kNone; at = visits[at].before) nodes.push_back(visits[at].node);
  std::ranges::reverse(nodes);
  return nodes;
}

}  // namespace

NodeOrder least_peak_order(const Graph& graph, std::span<const std::vector<NodeMemory>> ways,
                           size_t set_limit) {
  assert(ways.size() == graph.nodes.size());
  const Lifetimes lifetimes(graph, ways);
  const size_t count = graph.nodes.size();
  const Visit start{.done = Done(count, false),
                    .live = lifetimes.after_the_start(),
                    .peak = std::max(lifetimes.at_the_start(), lifetimes.at_the_end())};
  NodeOrder order;
  order.nodes.resize(count);
  std::iota(order.nodes.begin(), order.nodes.end(), size_t{0});
  Visit given = start;
  for (const size_t node : order.nodes) {
    const Step step = lifetimes.step(node, given.done, given.live);
    given.peak = std::max(given.peak, step.during);
    given.live = step.after;
    given.done[node] = true;
  }
  order.peak_bytes = order.given_peak_bytes = given.peak;

  std::vector<Visit> visits = {start};
  // The lowest peak first, then the longest way, then what was found first.
  const auto later = [&](size_t a, size_t b) {
    const Visit& x = visits[a];
    const Visit& y = visits[b];
    if (x.peak != y.peak) return x.peak > y.peak;
    return x.count != y.count ? x.count < y.count : a > b;
  };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> open(later);
  open.push(0);
  std::set<Done> looked_at;
  while (!open.empty()) {
    const size_t at = open.top();
    open.pop();
    if (visits[at].peak >= order.given_peak_bytes) break;
    if (visits[at].count == count) {
      order.nodes = path_to(visits, at);
      order.peak_bytes = visits[at].peak;
      break;
    }
    if (!looked_at.insert(visits[at].done).second) continue;
    if (looked_at.size() > set_limit) {
      order.exact = false;
      break;
    }
    std::vector<Visit> next;
    for (size_t node = 0; node < count; ++node) {
      if (visits[at].done[node] || !lifetimes.is_ready(node, visits[at].done)) continue;
      const Step step = lifetimes.step(node, visits[at].done, visits[at].live);
      Visit visit = visits[at];
      visit.done[node] = true;
      visit.live = step.after;
      visit.peak = std::max(visit.peak, step.during);
      visit.count += 1;
      visit.before = at;
      visit.node = node;
      // A node that raises no peak and leaves no more than it found may as well run now: whatever runs after
      // it instead of before finds no more than it would have found.
      const bool is_free = step.during <= visits[at].peak && step.after <= visits[at].live;
      if (is_free) next.clear();
      next.push_back(std::move(visit));
      if (is_free) break;
    }
    for (Visit& visit : next) {
      visits.push_back(std::move(visit));
      open.push(visits.size() - 1);
    }
  }
  return order;
}

Graph reordered(const Graph& graph, std::span<const size_t> nodes) {
  assert(nodes.size() == graph.nodes.size());
  Graph result = graph;
  for (size_t i = 0; i < nodes.size(); ++i) result.nodes[i] = graph.nodes[nodes[i]];
  return result;
}

}  // namespace thimble::deploy
