#include "statistics/describe.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "statistics/distributions.h"

namespace thimble::statistics {

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value - values.front();
  return values.front() + sum / static_cast<double>(values.size());
}

double sum_of_squares(std::span<const double> values) {
  const double center = mean(values);
  double squares = 0;
  double rest = 0;  // what rounding of the mean left; the sum of deviations would be zero without it
  for (const double value : values) {
    squares += (value - center) * (value - center);
    rest += value - center;
  }
  return squares - rest * rest / static_cast<double>(values.size());
}

double variance(std::span<const double> values) {
  return sum_of_squares(values) / static_cast<double>(values.size() - 1);
}

Outcome<Description> describe(std::span<const double> values, double confidence) {
  if (values.size() < 2) return CannotBeHad{"it takes two values or more to see how they vary"};
  Description result;
  result.count = values.size();
  result.mean = mean(values);
  result.deviation = std::sqrt(variance(values));
  const auto n = static_cast<double>(values.size());
  const double half = students_t_quantile((1 + confidence) / 2, n - 1) * result.deviation / std::sqrt(n);
  result.interval = {result.mean - half, result.mean + half};
  return result;
}

std::optional<CannotBeHad> not_comparable(std::span<const Group> groups, size_t least) {
  if (groups.size() < 2) return CannotBeHad{"there is nothing to compare with"};
  std::set<std::string_view> names;
  for (const Group& group : groups) {
    if (!names.insert(group.name).second) return CannotBeHad{fmt::format("'{}' is there twice", group.name)};
    if (group.values.size() < least) {
      return CannotBeHad{fmt::format("'{}' has {} and {} are needed", group.name,
                                     group.values.empty() ? std::string("no value")
                                     : group.values.size() == 1
                                         ? std::string("one value (one seed)")
                                         : fmt::format("{} values", group.values.size()),
                                     least)};
    }
    for (const double value : group.values) {
      if (!std::isfinite(value))
        return CannotBeHad{fmt::format("'{}' has a value that is not finite", group.name)};
    }
  }
  return std::nullopt;
}

}  // namespace thimble::statistics
