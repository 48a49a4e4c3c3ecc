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

/// Leave for two blocks that meet in one moment: while `source` is read in order, `result` is written in
/// order, and so may lie over what has been read. It begins `lead` bytes before the source or earlier, or
/// lies apart from it. At most one result begins at a moment.
struct Diagonal {
  size_t source = 0;  ///< an index of the blocks; its last moment is
  size_t result = 0;  ///< this one's first
  size_t lead = 0;
};

struct Packing {
  std::vector<size_t> offsets;   ///< one a block
  size_t bytes = 0;              ///< the end of the highest block
  size_t lower_bound_bytes = 0;  ///< no packing is smaller
  bool exhausted =
      false;           ///< no packing is smaller: it was searched for to the end, or meets the lower bound
  uint64_t steps = 0;  ///< placements tried
};

/// A source of a result: its bytes, and the lead of the diagonal.
struct Source {
  size_t bytes = 0;
  size_t lead = 0;
};

/// The most that a result saves by lying over its sources: it and those that lie over it take at least the
/// sources' sum behind the least of their leads.
size_t most_saved(size_t result_bytes, std::span<const Source> sources);

/// The bytes that are needed at each moment up to the last, at the least.
std::vector<size_t> live_bytes(std::span<const Block> blocks, std::span<const Diagonal> diagonals);

/// No packing is smaller than this: it is more than is live at any moment where leads add up along a chain,
/// or where neither of two blocks can lie above the other.
///
/// Carlier and Pinson's immediate selection ("An algorithm for solving the job-shop problem", 1989), with
/// offsets for starting times: what a height allows is propagated until it contradicts itself; the least
/// height that does not is found by bisection up to `upper_bound`, a height that is known to do.
size_t lower_bound_bytes(std::span<const Block> blocks, std::span<const Diagonal> diagonals,
                         size_t upper_bound);

/// Offsets of blocks in one arena such that no two that overlap in time overlap in memory beyond what a
/// diagonal allows, with the least total.
///
/// Starts from first-fit by decreasing size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural
/// Net Inference", 2020, greedy by size) and by other orders, then does branch and bound until the lower
/// bound is met, every order has been tried or ruled out, or `step_limit` placements are spent. The result
/// depends on nothing but its arguments.
Packing pack(std::span<const Block> blocks, std::span<const Diagonal> diagonals, uint64_t step_limit);

}  // namespace thimble::deploy
