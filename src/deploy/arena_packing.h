#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace thimble::deploy {

/// Memory that is needed from moment `first` to moment `last`, both included.
struct Block {
  int32_t first = 0;
  int32_t last = 0;
  size_t bytes = 0;

  bool overlaps(const Block& other) const { return first <= other.last && other.first <= last; }
};

struct Packing {
  std::vector<size_t> offsets;  ///< one a block
  size_t bytes = 0;             ///< the end of the highest block
  bool exhausted =
      false;           ///< no packing is smaller: it was searched for to the end, or meets the lower bound
  uint64_t steps = 0;  ///< placements tried
};

/// The largest sum of bytes that are needed at one moment: no packing is smaller.
size_t lower_bound_bytes(std::span<const Block> blocks);

/// Offsets of blocks in one arena such that no two that overlap in time overlap in memory, with the least
/// total.
///
/// Starts from first-fit by decreasing size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural
/// Net Inference", 2020, greedy by size) and by other orders, then does branch and bound until the lower
/// bound is met, every order has been tried or ruled out, or `step_limit` placements are spent. The result
/// depends on nothing but its arguments.
Packing pack(std::span<const Block> blocks, uint64_t step_limit);

}  // namespace thimble::deploy
