#pragma once

#include <span>

#include "statistics/describe.h"
#include "statistics/outcome.h"

namespace thimble::statistics {

struct Levene {
  double f = 0;
  double df1 = 0;
  double df2 = 0;
  double p = 0;
};

/// Whether groups have one variance: Levene's test about the medians (Brown and Forsythe, JASA 69, 1974).
/// Needs what one_way_anova needs, of the distances to the medians.
Outcome<Levene> levene(std::span<const Group> groups);

struct ShapiroWilk {
  double w = 0;
  double p = 0;
};

/// Whether values are of a normal distribution (Royston, Applied Statistics 44, 1995, algorithm AS R94).
/// Needs 3 to 5000 values that are not all equal; of an ANOVA, its residuals.
Outcome<ShapiroWilk> shapiro_wilk(std::span<const double> values);

}  // namespace thimble::statistics
