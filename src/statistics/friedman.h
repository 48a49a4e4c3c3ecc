#pragma once

#include <span>
#include <vector>

#include "statistics/comparisons.h"
#include "statistics/describe.h"
#include "statistics/outcome.h"

namespace thimble::statistics {

struct Friedman {
  double chi_squared = 0;
  double df = 0;
  double p = 0;
  std::vector<double> mean_ranks;  ///< one a technique; 1 is that of the smallest value
  double critical_difference = 0;  ///< of two mean ranks, Nemenyi's, at the confidence
  std::vector<Comparison> pairs;   ///< of mean ranks, Nemenyi's
};

/// Whether techniques differ across data sets, by ranks within each data set, ties shared (Friedman 1937;
/// Nemenyi's comparisons as in Demsar, JMLR 7, 2006). Each technique has one value a data set, in the same
/// order. Needs two data sets or more, and one in which the techniques differ.
Outcome<Friedman> friedman(std::span<const Group> techniques, double confidence = 0.95);

}  // namespace thimble::statistics
