#include "statistics/effect_size.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "statistics/distributions.h"

namespace thimble::statistics {
namespace {

double pooled_deviation(std::span<const double> a, std::span<const double> b) {
  return std::sqrt((sum_of_squares(a) + sum_of_squares(b)) / static_cast<double>(a.size() + b.size() - 2));
}

/// The quantile of sorted values, straight between neighbours (R's type 7).
double quantile(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Outcome<CohensD> cohens_d(const Group& a, const Group& b, Random random, const CohensDOptions& options) {
  const Group groups[] = {a, b};
  if (auto reason = not_comparable(groups, 2)) return *reason;
  for (const Group& group : groups) {
    if (!(sum_of_squares(group.values) > 0))
      return CannotBeHad{fmt::format("'{}' does not vary", group.name)};
  }
  const auto d_of = [](std::span<const double> x, std::span<const double> y) {
    return (mean(x) - mean(y)) / pooled_deviation(x, y);
  };
  const auto n_a = static_cast<double>(a.values.size());
  const auto n_b = static_cast<double>(b.values.size());
  const double scale = std::sqrt(1 / n_a + 1 / n_b);
  CohensD result;
  result.d = d_of(a.values, b.values);
  // Beyond it the non-central t, whose series counts in integers, has no value.
  constexpr double kMostT = 3e4;
  if (std::abs(result.d / scale) > kMostT)
    return CannotBeHad{"what varies is nothing beside what they differ by"};

  std::vector<double> drawn;
  std::vector<double> x(a.values.size());
  std::vector<double> y(b.values.size());
  const auto resample = [&random](const std::vector<double>& from, std::vector<double>& to) {
    for (double& value : to) value = from[random.below(static_cast<uint32_t>(from.size()))];
  };
  while (drawn.size() < options.resamples) {
    resample(a.values, x);
    resample(b.values, y);
    if (pooled_deviation(x, y) > 0) drawn.push_back(d_of(x, y));
  }
  std::sort(drawn.begin(), drawn.end());
  const double tail = (1 - options.confidence) / 2;
  result.bootstrap = {quantile(drawn, tail), quantile(drawn, 1 - tail)};

  const double df = n_a + n_b - 2;
  result.exact = {non_centrality_of_t(result.d / scale, df, 1 - tail) * scale,
                  non_centrality_of_t(result.d / scale, df, tail) * scale};
  return result;
}

}  // namespace thimble::statistics
