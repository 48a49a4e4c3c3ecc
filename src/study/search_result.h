#pragma once

#include <optional>
#include <vector>

#include "study/search.h"

namespace thimble::study {

/// What hypervolume and knee are measured up to: 1.1 times the latency, RAM and flash of the whole network in
/// 8 bits, and 10 % error, or 1.5 times that network's where it is more. Throws Error when that network, a
/// search's first candidate, failed. It is the same for every strategy and seed.
pipeline::Objectives reference_point(const std::vector<Candidate>& candidates);

struct SearchResult {
  pipeline::Objectives reference;
  std::vector<size_t> feasible;  ///< those that keep the limits
  std::vector<size_t> front;     ///< of these, those that no other beats; of equal ones the first
  std::optional<size_t> knee;    ///< of the front within the reference point; nothing where none lies there
  std::optional<size_t>
      chosen;  ///< of the front, the least J; within the reference point, where any lies there
  std::vector<std::optional<double>> objective;  ///< J of each of the front, where it has one
  /// After each candidate, the part of the box between zero and the reference point that is dominated.
  std::vector<double> hypervolume;
};

/// J is against the whole network in 8 bits.
SearchResult result_of(const std::vector<Candidate>& candidates,
                       const pipeline::ObjectiveWeights& weights = kSearchWeights);

}  // namespace thimble::study
