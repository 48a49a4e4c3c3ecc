#include "statistics/friedman.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "statistics/distributions.h"
#include "statistics/studentized_range.h"

namespace thimble::statistics {
namespace {

/// But for what is lost in the last digits of means.
bool are_equal(double a, double b) {
  constexpr double kRounding = 1e-12;
  return std::abs(a - b) <= kRounding * std::max(std::abs(a), std::abs(b));
}

}  // namespace

Outcome<Friedman> friedman(std::span<const Group> techniques, double confidence) {
  if (auto reason = not_comparable(techniques, 1)) return *reason;
  const size_t sets = techniques[0].values.size();
  for (const Group& technique : techniques) {
    if (technique.values.size() != sets) {
      return CannotBeHad{fmt::format("'{}' has values for {} data sets and '{}' for {}", technique.name,
                                     technique.values.size(), techniques[0].name, sets)};
    }
  }
  if (sets < 2) return CannotBeHad{"there is but one data set"};
  const auto k = static_cast<double>(techniques.size());
  const auto n = static_cast<double>(sets);
  Friedman result;
  result.mean_ranks.assign(techniques.size(), 0);
  double ties = 0;  // sum of t^3 - t over groups of t equal values, each counted at each of its members
  for (size_t set = 0; set < sets; ++set) {
    for (size_t i = 0; i < techniques.size(); ++i) {
      double smaller = 0;
      double equal = 0;
      for (const Group& other : techniques) {
        const double ours = techniques[i].values[set];
        const double theirs = other.values[set];
        const bool same = are_equal(ours, theirs);
        equal += same ? 1 : 0;
        smaller += !same && theirs < ours ? 1 : 0;
      }
      result.mean_ranks[i] += (smaller + (equal + 1) / 2) / n;
      ties += equal * equal - 1;
    }
  }
  const double spread = n * k * (k + 1) - ties / (k - 1);
  if (!(spread > 0)) return CannotBeHad{"the techniques are equal on every data set"};
  for (const double rank : result.mean_ranks) {
    result.chi_squared += 12 * n * n * (rank - (k + 1) / 2) * (rank - (k + 1) / 2) / spread;
  }
  result.df = k - 1;
  result.p = chi_squared_upper(result.chi_squared, result.df);

  const double infinite = std::numeric_limits<double>::infinity();
  const double width = std::sqrt(k * (k + 1) / (12 * n));
  result.critical_difference = studentized_range_quantile_upper(1 - confidence, k, infinite) * width;
  for (size_t i = 0; i < techniques.size(); ++i) {
    for (size_t j = i + 1; j < techniques.size(); ++j) {
      const double difference = result.mean_ranks[i] - result.mean_ranks[j];
      result.pairs.push_back(
          {techniques[i].name,
           techniques[j].name,
           difference,
           {difference - result.critical_difference, difference + result.critical_difference},
           studentized_range_upper(std::abs(difference) / width, k, infinite)});
    }
  }
  return result;
}

}  // namespace thimble::statistics
