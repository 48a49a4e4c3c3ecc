#include "deploy/arena_packing.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/random.h"

namespace thimble::deploy {
namespace {

constexpr size_t kNever = std::numeric_limits<size_t>::max();

/// Blocks and diagonals, as the searches ask for them.
class Problem {
 public:
  Problem(std::span<const Block> blocks, std::span<const Diagonal> diagonals)
      : blocks_(blocks), above_(blocks.size() * blocks.size(), kNever) {
    int32_t last = -1;
    for (const Block& block : blocks) last = std::max(last, block.last);
    moments_ = static_cast<size_t>(last + 1);
    saved_.assign(moments_, 0);
    result_at_.assign(moments_, kNever);
    for (size_t x = 0; x < size(); ++x) {
      for (size_t y = 0; y < size(); ++y) {
        if (x != y && blocks[x].overlaps(blocks[y])) above_[x * size() + y] = blocks[y].bytes;
      }
    }
    for (const Diagonal& diagonal : diagonals) {
      size_t& distance = above_[diagonal.source * size() + diagonal.result];
      distance = std::min(distance, diagonal.lead);
    }
    for (const Diagonal& diagonal : diagonals) {
      const auto moment = static_cast<size_t>(blocks[diagonal.result].first);
      std::vector<Source> sources;
      for (const Diagonal& other : diagonals) {
        if (other.result == diagonal.result) sources.push_back({blocks[other.source].bytes, other.lead});
      }
      saved_[moment] = most_saved(blocks[diagonal.result].bytes, sources);
      result_at_[moment] = diagonal.result;
    }
    live_.assign(moments_, 0);
    for (const Block& block : blocks) {
      for (int32_t t = block.first; t <= block.last; ++t) live_[static_cast<size_t>(t)] += block.bytes;
    }
    for (size_t t = 0; t < moments_; ++t) live_[t] -= saved_[t];
  }

  size_t size() const { return blocks_.size(); }
  size_t moments() const { return moments_; }
  const Block& operator[](size_t i) const { return blocks_[i]; }

  /// The least distance between the offsets when x lies above y; kNever if the two never meet.
  size_t above(size_t x, size_t y) const { return above_[x * size() + y]; }

  /// The least that each moment needs.
  const std::vector<size_t>& live() const { return live_; }

  /// The most that diagonals can save at a moment, and the block whose absence makes it nothing.
  size_t saved(size_t moment) const { return saved_[moment]; }
  size_t result_at(size_t moment) const { return result_at_[moment]; }

 private:
  std::span<const Block> blocks_;
  std::vector<size_t> above_;
  size_t moments_ = 0;
  std::vector<size_t> saved_;
  std::vector<size_t> result_at_;
  std::vector<size_t> live_;
};

/// What must hold of every packing up to a height: where each block begins at the earliest, and how far the
/// top is from its beginning at the least.
struct Limits {
  bool possible = true;
  std::vector<size_t> head;
  std::vector<size_t> tail;
};

Limits limits_within(const Problem& problem, size_t height) {
  // Propagation may creep; what it has found by then is true in any case.
  constexpr int kRounds = 30;
  Limits limits{.possible = true,
                .head = std::vector<size_t>(problem.size(), 0),
                .tail = std::vector<size_t>(problem.size())};
  for (size_t i = 0; i < problem.size(); ++i) limits.tail[i] = problem[i].bytes;
  bool changed = true;
  // x has to lie above y.
  const auto raise = [&](size_t x, size_t y) {
    const size_t distance = problem.above(x, y);
    if (limits.head[y] + distance > limits.head[x])
      limits.head[x] = limits.head[y] + distance, changed = true;
    if (distance + limits.tail[x] > limits.tail[y])
      limits.tail[y] = distance + limits.tail[x], changed = true;
  };
  for (int round = 0; changed && round < kRounds; ++round) {
    changed = false;
    for (size_t x = 0; x < problem.size(); ++x) {
      if (limits.head[x] + limits.tail[x] > height) return {.possible = false, .head = {}, .tail = {}};
      for (size_t y = 0; y < x; ++y) {
        if (problem.above(x, y) == kNever) continue;
        const bool x_above = limits.head[y] + problem.above(x, y) + limits.tail[x] <= height;
        const bool y_above = limits.head[x] + problem.above(y, x) + limits.tail[y] <= height;
        if (!x_above && !y_above) return {.possible = false, .head = {}, .tail = {}};
        if (!y_above) raise(x, y);
        if (!x_above) raise(y, x);
      }
    }
  }
  const std::vector<size_t>& live = problem.live();
  std::vector<size_t> below(problem.moments(), kNever);
  std::vector<size_t> over(problem.moments(), kNever);
  for (size_t i = 0; i < problem.size(); ++i) {
    for (int32_t t = problem[i].first; t <= problem[i].last; ++t) {
      const auto moment = static_cast<size_t>(t);
      below[moment] = std::min(below[moment], limits.head[i]);
      over[moment] = std::min(over[moment], limits.tail[i] - problem[i].bytes);
    }
  }
  for (size_t t = 0; t < problem.moments(); ++t) {
    if (live[t] > 0 && below[t] + live[t] + over[t] > height) limits.possible = false;
  }
  return limits;
}

size_t lower_bound(const Problem& problem, size_t upper_bound) {
  const std::vector<size_t>& live = problem.live();
  size_t low = live.empty() ? 0 : *std::ranges::max_element(live);
  size_t high = upper_bound;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (limits_within(problem, middle).possible) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

/// Places blocks in a given order, each at the lowest offset that the ones before leave free.
Packing first_fit(const Problem& problem, std::span<const size_t> order) {
  Packing packing;
  packing.offsets.assign(problem.size(), 0);
  std::vector<std::pair<size_t, size_t>> taken;  // the offsets in between are not free
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t x = order[i];
    taken.clear();
    for (const size_t y : order.first(i)) {
      if (problem.above(x, y) == kNever) continue;
      const size_t end = packing.offsets[y] + problem.above(x, y);
      const size_t reach = problem.above(y, x);  // x may begin this much below y, or lower
      if (packing.offsets[y] >= reach) {
        taken.emplace_back(packing.offsets[y] - reach + 1, end);
      } else {
        taken.emplace_back(0, end);
      }
    }
    std::ranges::sort(taken);
    size_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (begin > offset) break;
      offset = std::max(offset, end);
    }
    packing.offsets[x] = offset;
    packing.bytes = std::max(packing.bytes, offset + problem[x].bytes);
  }
  return packing;
}

/// The best of first-fit over orders that do well on networks, and over random changes of the best of them.
Packing best_first_fit(const Problem& problem, size_t bound, uint64_t trials) {
  std::vector<size_t> order(problem.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Packing best;
  best.bytes = kNever;
  std::vector<size_t> best_order = order;
  const auto attempt = [&](std::vector<size_t> candidate) {
    Packing packing = first_fit(problem, candidate);
    ++best.steps;
    if (packing.bytes > best.bytes) return;
    packing.steps = best.steps;
    best = std::move(packing);
    best_order = std::move(candidate);
  };
  const auto by = [&](auto&& key) {
    std::vector<size_t> sorted = order;
    std::ranges::stable_sort(sorted, [&](size_t a, size_t b) { return key(problem[a]) > key(problem[b]); });
    attempt(std::move(sorted));
  };
  const auto life = [](const Block& block) { return static_cast<size_t>(block.last - block.first + 1); };
  by([](const Block& block) { return block.bytes; });
  by(life);
  by([&](const Block& block) { return block.bytes * life(block); });
  by([](const Block& block) { return block.first; });  // the last first: a chain of diagonals descends
  by([](const Block& block) { return block.last; });
  Random random(1);
  for (uint64_t i = 0; i < trials && best.bytes > bound && problem.size() > 1; ++i) {
    std::vector<size_t> changed = best_order;
    for (uint32_t moves = 1 + random.below(3); moves > 0; --moves) {
      const auto count = static_cast<uint32_t>(changed.size());
      const size_t moved = changed[random.below(count)];
      std::erase(changed, moved);
      changed.insert(changed.begin() + random.below(count), moved);
    }
    attempt(std::move(changed));
  }
  return best;
}

/// Branch and bound over the order of placement.
///
/// In a best packing, pushed down, every block lies at 0 or as closely above another as the two may lie.
/// Placing such a packing's blocks by ascending offset therefore puts each on its support: the highest such
/// place over the blocks already placed. So only such orders are tried, and offsets never decrease along one.
class Search {
 public:
  Search(const Problem& problem, Packing start, size_t lower_bound, uint64_t step_limit)
      : problem_(problem),
        best_(std::move(start)),
        lower_bound_(lower_bound),
        step_limit_(step_limit),
        support_(problem.size(), 0),
        unplaced_bytes_(problem.moments(), 0),
        placed_(problem.size(), false),
        offsets_(problem.size(), 0) {
    for (size_t i = 0; i < problem.size(); ++i) add_unplaced(i, problem[i].bytes);
    limits_ = limits_within(problem_, best_.bytes - 1);
  }

  Packing run() {
    if (limits_.possible) descend(0, 0, 0, kNever);
    best_.exhausted = best_.bytes == lower_bound_ || steps_ < step_limit_;
    best_.steps += steps_;
    return std::move(best_);
  }

 private:
  void add_unplaced(size_t block, size_t bytes) {
    for (int32_t t = problem_[block].first; t <= problem_[block].last; ++t) {
      unplaced_bytes_[static_cast<size_t>(t)] += bytes;
    }
  }

  /// What every completion needs at the least: at each moment, all that is still to be placed there, stacked
  /// on the lowest place that any of it can have.
  bool can_improve(size_t floor, size_t height) const {
    if (height >= best_.bytes) return false;
    std::vector<size_t> start(problem_.moments(), kNever);
    for (size_t i = 0; i < problem_.size(); ++i) {
      if (placed_[i]) continue;
      const size_t offset = std::max({floor, support_[i], limits_.head[i]});
      if (offset + limits_.tail[i] >= best_.bytes) return false;
      for (int32_t t = problem_[i].first; t <= problem_[i].last; ++t) {
        size_t& lowest = start[static_cast<size_t>(t)];
        lowest = std::min(lowest, offset);
      }
    }
    for (size_t t = 0; t < problem_.moments(); ++t) {
      if (unplaced_bytes_[t] == 0) continue;
      const size_t result = problem_.result_at(t);
      size_t saved = 0;
      // What lies over a result is not there without it.
      if (result != kNever && !placed_[result]) {
        saved = std::min(problem_.saved(t), unplaced_bytes_[t] - problem_[result].bytes);
      }
      if (start[t] + unplaced_bytes_[t] - saved >= best_.bytes) return false;
    }
    return true;
  }

  void descend(size_t depth, size_t floor, size_t height, size_t previous) {
    if (depth == problem_.size()) {
      best_.bytes = height;
      best_.offsets = offsets_;
      limits_ = limits_within(problem_, height - 1);
      if (!limits_.possible) lower_bound_ = height;
      return;
    }
    struct Choice {
      size_t offset;
      size_t block;
    };
    std::vector<Choice> choices;
    for (size_t i = 0; i < problem_.size(); ++i) {
      // A block that lies below the floor had its turn earlier in another order.
      if (placed_[i] || support_[i] < std::max(floor, limits_.head[i])) continue;
      // So had one that could as well have come before the one placed last.
      const bool swappable = previous != kNever && support_[i] == offsets_[previous] && i < previous &&
                             problem_.above(i, previous) == kNever;
      if (!swappable) choices.push_back({support_[i], i});
    }
    // Low and large first: good packings early make the bound bite.
    std::ranges::stable_sort(choices, [&](const Choice& a, const Choice& b) {
      return a.offset != b.offset ? a.offset < b.offset : problem_[a.block].bytes > problem_[b.block].bytes;
    });
    for (const auto [offset, index] : choices) {
      if (best_.bytes == lower_bound_ || steps_ >= step_limit_) return;
      ++steps_;
      const std::vector<size_t> support = support_;
      placed_[index] = true;
      offsets_[index] = offset;
      add_unplaced(index, size_t{0} - problem_[index].bytes);
      for (size_t i = 0; i < problem_.size(); ++i) {
        if (placed_[i] || problem_.above(i, index) == kNever) continue;
        support_[i] = std::max(support_[i], offset + problem_.above(i, index));
      }
      const size_t new_height = std::max(height, offset + problem_[index].bytes);
      if (can_improve(offset, new_height)) descend(depth + 1, offset, new_height, index);
      support_ = support;
      add_unplaced(index, problem_[index].bytes);
      placed_[index] = false;
    }
  }

  const Problem& problem_;
  Packing best_;
  size_t lower_bound_;
  uint64_t step_limit_;
  uint64_t steps_ = 0;
  Limits limits_;                       // within what would be better than the best
  std::vector<size_t> support_;         // an unplaced block: the lowest place above those that are placed
  std::vector<size_t> unplaced_bytes_;  // a moment: the sum of what is still to be placed there
  std::vector<bool> placed_;
  std::vector<size_t> offsets_;
};

}  // namespace

size_t most_saved(size_t result_bytes, std::span<const Source> sources) {
  size_t sum = 0;
  size_t lead = result_bytes;
  for (const Source& source : sources) {
    if (source.lead >= result_bytes) continue;
    sum += source.bytes;
    lead = std::min(lead, source.lead);
  }
  return std::min(sum, result_bytes - lead);
}

std::vector<size_t> live_bytes(std::span<const Block> blocks, std::span<const Diagonal> diagonals) {
  return Problem(blocks, diagonals).live();
}

size_t lower_bound_bytes(std::span<const Block> blocks, std::span<const Diagonal> diagonals,
                         size_t upper_bound) {
  return lower_bound(Problem(blocks, diagonals), upper_bound);
}

Packing pack(std::span<const Block> blocks, std::span<const Diagonal> diagonals, uint64_t step_limit) {
  if (blocks.empty()) return {.offsets = {}, .exhausted = true};
  const Problem problem(blocks, diagonals);
  const std::vector<size_t>& live = problem.live();
  Packing best = best_first_fit(problem, *std::ranges::max_element(live), step_limit / 100);
  const size_t bound = lower_bound(problem, best.bytes);
  best.exhausted = best.bytes == bound;
  if (!best.exhausted) best = Search(problem, std::move(best), bound, step_limit).run();
  best.lower_bound_bytes = best.exhausted ? best.bytes : bound;
  return best;
}

}  // namespace thimble::deploy
