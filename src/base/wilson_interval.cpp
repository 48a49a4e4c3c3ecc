#include "base/wilson_interval.h"

#include <algorithm>
#include <cmath>

namespace thimble {

Interval wilson_interval(uint64_t successes, uint64_t trials) {
  if (trials == 0) return {};
  constexpr double kZ = 1.959963984540054;  // the normal distribution's 97.5 % quantile
  const auto n = static_cast<double>(trials);
  const double p = static_cast<double>(successes) / n;
  const double centre = p + kZ * kZ / (2 * n);
  const double reach = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  const double whole = 1 + kZ * kZ / n;
  return {std::max(0.0, (centre - reach) / whole), std::min(1.0, (centre + reach) / whole)};
}

}  // namespace thimble
