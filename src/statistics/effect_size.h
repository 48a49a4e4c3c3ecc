#pragma once

#include <cstdint>

#include "base/random.h"
#include "statistics/describe.h"
#include "statistics/outcome.h"

namespace thimble::statistics {

/// A difference of two means in units of their pooled standard deviation.
struct CohensD {
  double d = 0;
  Interval bootstrap;  ///< percentiles of d over resamples within each group
  Interval exact;      ///< of normal groups with one variance: by the non-central t distribution
};

struct CohensDOptions {
  double confidence = 0.95;
  uint32_t resamples = 10000;
};

/// (mean a - mean b) / pooled deviation (Cohen 1988; its exact interval as in Steiger and Fouladi 1997).
/// Resamples without variance have no d and are drawn anew. Needs two values a group and variance in both.
Outcome<CohensD> cohens_d(const Group& a, const Group& b, Random random, const CohensDOptions& options = {});

}  // namespace thimble::statistics
