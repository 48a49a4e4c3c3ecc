#include "deploy/arena_packing.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace thimble::deploy {
namespace {

/// Places blocks in a given order, each at the lowest offset that is free for its whole life.
Packing first_fit(std::span<const Block> blocks, std::span<const size_t> order) {
  Packing packing;
  packing.offsets.assign(blocks.size(), 0);
  std::vector<size_t> placed;
  for (const size_t index : order) {
    const Block& block = blocks[index];
    std::vector<std::pair<size_t, size_t>> taken;
    for (const size_t other : placed) {
      if (!block.overlaps(blocks[other])) continue;
      taken.emplace_back(packing.offsets[other], packing.offsets[other] + blocks[other].bytes);
    }
    std::sort(taken.begin(), taken.end());
    size_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (begin >= offset + block.bytes) break;
      offset = std::max(offset, end);
    }
    packing.offsets[index] = offset;
    packing.bytes = std::max(packing.bytes, offset + block.bytes);
    placed.push_back(index);
  }
  return packing;
}

/// The best of first-fit over a few orders that do well on networks.
Packing best_first_fit(std::span<const Block> blocks) {
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto by = [&](auto&& key) {
    std::vector<size_t> sorted = order;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](size_t a, size_t b) { return key(blocks[a]) > key(blocks[b]); });
    return first_fit(blocks, sorted);
  };
  const auto life = [](const Block& block) { return static_cast<size_t>(block.last - block.first + 1); };
  Packing best = by([](const Block& block) { return block.bytes; });
  for (Packing other : {by(life), by([&](const Block& block) { return block.bytes * life(block); })}) {
    if (other.bytes < best.bytes) best = std::move(other);
  }
  return best;
}

/// Branch and bound over the order of placement.
///
/// In a best packing, pushed down, every block lies at 0 or on top of a block that overlaps it in time.
/// Placing such a packing's blocks by ascending offset therefore puts each on the skyline: the highest end
/// among those already placed that overlap it. So only such orders are tried, and offsets never decrease
/// along one.
class Search {
 public:
  Search(std::span<const Block> blocks, Packing start, size_t lower_bound, uint64_t step_limit)
      : blocks_(blocks), best_(std::move(start)), lower_bound_(lower_bound), step_limit_(step_limit) {
    for (const Block& block : blocks) moments_ = std::max(moments_, static_cast<size_t>(block.last) + 1);
    skyline_.assign(moments_, 0);
    unplaced_bytes_.assign(moments_, 0);
    for (const Block& block : blocks) add_unplaced(block, block.bytes);
    placed_.assign(blocks.size(), false);
    offsets_.assign(blocks.size(), 0);
  }

  Packing run() {
    descend(0, 0, 0);
    best_.exhausted = best_.bytes == lower_bound_ || steps_ < step_limit_;
    best_.steps = steps_;
    return std::move(best_);
  }

 private:
  void add_unplaced(const Block& block, size_t bytes) {
    for (int32_t t = block.first; t <= block.last; ++t) unplaced_bytes_[static_cast<size_t>(t)] += bytes;
  }

  /// The highest end under the block.
  size_t support(const Block& block) const {
    const auto begin = skyline_.begin() + block.first;
    return *std::max_element(begin, begin + (block.last - block.first + 1));
  }

  /// What every completion needs at the least: at each moment, all that is still to be placed there, stacked
  /// on the lowest place that any of it can have.
  bool can_improve(size_t floor, size_t height) const {
    if (height >= best_.bytes) return false;
    std::vector<size_t> start(moments_, std::numeric_limits<size_t>::max());
    for (size_t i = 0; i < blocks_.size(); ++i) {
      if (placed_[i]) continue;
      const size_t offset = std::max(floor, support(blocks_[i]));
      for (int32_t t = blocks_[i].first; t <= blocks_[i].last; ++t) {
        size_t& lowest = start[static_cast<size_t>(t)];
        lowest = std::min(lowest, offset);
      }
    }
    for (size_t t = 0; t < moments_; ++t) {
      if (unplaced_bytes_[t] > 0 && start[t] + unplaced_bytes_[t] >= best_.bytes) return false;
    }
    return true;
  }

  void descend(size_t depth, size_t floor, size_t height) {
    if (depth == blocks_.size()) {
      best_.bytes = height;
      best_.offsets = offsets_;
      return;
    }
    struct Choice {
      size_t offset;
      size_t block;
    };
    std::vector<Choice> choices;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      // A block that lies below the floor had its turn earlier in another order.
      if (!placed_[i] && support(blocks_[i]) >= floor) choices.push_back({support(blocks_[i]), i});
    }
    // Low and large first: good packings early make the bound bite.
    std::stable_sort(choices.begin(), choices.end(), [&](const Choice& a, const Choice& b) {
      return a.offset != b.offset ? a.offset < b.offset : blocks_[a.block].bytes > blocks_[b.block].bytes;
    });
    for (size_t c = 0; c < choices.size(); ++c) {
      const auto [offset, index] = choices[c];
      const Block& block = blocks_[index];
      if (c > 0 && same(blocks_[choices[c - 1].block], block)) continue;
      if (best_.bytes == lower_bound_ || steps_ >= step_limit_) return;
      ++steps_;

      const std::vector<size_t> skyline = skyline_;
      placed_[index] = true;
      offsets_[index] = offset;
      add_unplaced(block, size_t{0} - block.bytes);
      for (int32_t t = block.first; t <= block.last; ++t)
        skyline_[static_cast<size_t>(t)] = offset + block.bytes;
      const size_t new_height = std::max(height, offset + block.bytes);
      if (can_improve(offset, new_height)) descend(depth + 1, offset, new_height);
      skyline_ = skyline;
      add_unplaced(block, block.bytes);
      placed_[index] = false;
    }
  }

  static bool same(const Block& a, const Block& b) {
    return a.first == b.first && a.last == b.last && a.bytes == b.bytes;
  }

  std::span<const Block> blocks_;
  Packing best_;
  size_t lower_bound_;
  uint64_t step_limit_;
  uint64_t steps_ = 0;
  size_t moments_ = 0;
  std::vector<size_t> skyline_;         // a moment: the end of what is placed there
  std::vector<size_t> unplaced_bytes_;  // a moment: the sum of what is still to be placed there
  std::vector<bool> placed_;
  std::vector<size_t> offsets_;
};

}  // namespace

size_t lower_bound_bytes(std::span<const Block> blocks) {
  size_t bound = 0;
  for (const Block& moment : blocks) {  // the sum can only peak where a block begins
    size_t live = 0;
    for (const Block& block : blocks) {
      if (block.first <= moment.first && moment.first <= block.last) live += block.bytes;
    }
    bound = std::max(bound, live);
  }
  return bound;
}

Packing pack(std::span<const Block> blocks, uint64_t step_limit) {
  const size_t bound = lower_bound_bytes(blocks);
  Packing start = best_first_fit(blocks);
  start.exhausted = start.bytes == bound;
  if (start.exhausted) return start;
  return Search(blocks, std::move(start), bound, step_limit).run();
}

}  // namespace thimble::deploy
