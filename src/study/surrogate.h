#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "study/search.h"

namespace thimble::study {

/// What candidates that were not measured would come to after the longest training, learned from those that
/// were measured: a Gaussian process for the logarithm of each objective.
class Surrogate {
 public:
  Surrogate(Surrogate&&) noexcept;
  ~Surrogate();

  /// Nothing where too few were measured, or the whole network could not be.
  static std::optional<Surrogate> learn(const std::vector<Candidate>& measured, const SearchOptions& options);

  /// The indices of at most `most` of these: each time the one from which most hypervolume is expected,
  /// beyond the front of the measured ones and of those chosen before it. The expectation is over the error,
  /// with all the noise of a measurement. What would add nothing, or miss the budget, is not chosen.
  std::vector<size_t> choose(const std::vector<Genes>& genes, size_t most) const;

 private:
  struct State;
  explicit Surrogate(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace thimble::study
