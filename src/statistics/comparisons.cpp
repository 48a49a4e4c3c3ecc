#include "statistics/comparisons.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "statistics/studentized_range.h"

namespace thimble::statistics {

Outcome<std::vector<Comparison>> tukey_hsd(std::span<const Group> groups, const ErrorVariance& error,
                                           double confidence) {
  if (auto reason = not_comparable(groups, 1)) return *reason;
  if (!(error.mean_square > 0) || error.df < 1) return CannotBeHad{"there is no error to compare with"};
  const auto k = static_cast<double>(groups.size());
  const double critical = studentized_range_quantile_upper(1 - confidence, k, error.df);
  std::vector<Comparison> result;
  for (size_t i = 0; i < groups.size(); ++i) {
    for (size_t j = i + 1; j < groups.size(); ++j) {
      const double width = std::sqrt(error.mean_square / 2 *
                                     (1 / static_cast<double>(groups[i].values.size()) +
                                      1 / static_cast<double>(groups[j].values.size())));
      const double difference = mean(groups[i].values) - mean(groups[j].values);
      result.push_back({groups[i].name,
                        groups[j].name,
                        difference,
                        {difference - critical * width, difference + critical * width},
                        studentized_range_upper(std::abs(difference) / width, k, error.df)});
    }
  }
  return result;
}

Outcome<std::vector<Comparison>> games_howell(std::span<const Group> groups, double confidence) {
  if (auto reason = not_comparable(groups, 2)) return *reason;
  const auto k = static_cast<double>(groups.size());
  std::vector<Comparison> result;
  for (size_t i = 0; i < groups.size(); ++i) {
    for (size_t j = i + 1; j < groups.size(); ++j) {
      // Of the means; degrees of freedom by Welch and Satterthwaite.
      const auto n_i = static_cast<double>(groups[i].values.size());
      const auto n_j = static_cast<double>(groups[j].values.size());
      const double v_i = variance(groups[i].values) / n_i;
      const double v_j = variance(groups[j].values) / n_j;
      if (!(v_i + v_j > 0)) continue;
      const double df = (v_i + v_j) * (v_i + v_j) / (v_i * v_i / (n_i - 1) + v_j * v_j / (n_j - 1));
      const double width = std::sqrt((v_i + v_j) / 2);
      const double critical = studentized_range_quantile_upper(1 - confidence, k, df);
      const double difference = mean(groups[i].values) - mean(groups[j].values);
      result.push_back({groups[i].name,
                        groups[j].name,
                        difference,
                        {difference - critical * width, difference + critical * width},
                        studentized_range_upper(std::abs(difference) / width, k, df)});
    }
  }
  if (result.empty()) return CannotBeHad{"no group varies"};
  return result;
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return p[i] < p[j]; });
  std::vector<double> adjusted(p.size());
  double most = 0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    most = std::max(most, std::min(1.0, static_cast<double>(p.size() - rank) * p[order[rank]]));
    adjusted[order[rank]] = most;
  }
  return adjusted;
}

}  // namespace thimble::statistics
