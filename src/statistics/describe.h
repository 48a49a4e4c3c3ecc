#pragma once

#include <span>
#include <string>
#include <vector>

#include "statistics/outcome.h"

namespace thimble::statistics {

/// The values of one technique (or cell), one a seed.
struct Group {
  std::string name;
  std::vector<double> values;
};

// Of at least one value. Sums are taken of differences from the first value: equal values have a variance of
// exactly zero, and a large offset costs no digits.
double mean(std::span<const double> values);
double sum_of_squares(std::span<const double> values);  ///< of the deviations from the mean
double variance(std::span<const double> values);        ///< of a sample: / (n - 1); at least two values

struct Interval {
  double low = 0;
  double high = 0;
};

struct Description {
  size_t count = 0;
  double mean = 0;
  double deviation = 0;  ///< of a sample
  Interval interval;     ///< of the mean, by Student's t
};

/// Needs two values or more.
Outcome<Description> describe(std::span<const double> values, double confidence = 0.95);

/// The first reason why groups cannot be compared: fewer than two groups, a group of fewer than `least`
/// values, a value that is not a number, a name twice.
std::optional<CannotBeHad> not_comparable(std::span<const Group> groups, size_t least);

}  // namespace thimble::statistics
