#pragma once

#include <span>
#include <string>
#include <vector>

#include "statistics/describe.h"
#include "statistics/outcome.h"

namespace thimble::statistics {

/// Two groups of several, compared; the confidence and the p value hold for all pairs together.
struct Comparison {
  std::string first;
  std::string second;
  double difference = 0;  ///< mean of the first - mean of the second
  Interval interval;
  double p = 0;
};

/// The error against which means are compared.
struct ErrorVariance {
  double mean_square = 0;
  double df = 0;
};

/// Every pair after an ANOVA, groups of any sizes: Tukey's honestly significant differences with Kramer's
/// widths. The error is that of the ANOVA: of one_way_anova, or of blocked_anova in complete blocks.
Outcome<std::vector<Comparison>> tukey_hsd(std::span<const Group> groups, const ErrorVariance& error,
                                           double confidence = 0.95);

/// Every pair where variances differ (Games and Howell, Journal of Educational Statistics 1, 1976). Needs two
/// values a group; without the pairs of which neither varies.
Outcome<std::vector<Comparison>> games_howell(std::span<const Group> groups, double confidence = 0.95);

/// p values adjusted for there being several (Holm, Scandinavian Journal of Statistics 6, 1979), in their
/// order.
std::vector<double> holm(std::span<const double> p);

}  // namespace thimble::statistics
