#pragma once

#include <cstdint>

namespace thimble {

/// Where a probability lies, given how often an event was seen.
struct Interval {
  double low = 0;
  double high = 1;
};

/// The 95 % score interval of a proportion (Wilson, JASA 1927), which holds near 0 and 1 too: of an accuracy,
/// say. [0, 1] without trials.
Interval wilson_interval(uint64_t successes, uint64_t trials);

}  // namespace thimble
