#include "statistics/assumptions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "statistics/anova.h"
#include "statistics/distributions.h"

namespace thimble::statistics {
namespace {

/// Makes equal what rounding alone tells apart: numbers that were had from values up to `magnitude`.
void join_neighbours(std::vector<double>& numbers, double magnitude) {
  std::vector<double*> order;
  for (double& number : numbers) order.push_back(&number);
  std::sort(order.begin(), order.end(), [](const double* a, const double* b) { return *a < *b; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (*order[i] - *order[i - 1] <= 4 * std::numeric_limits<double>::epsilon() * magnitude)
      *order[i] = *order[i - 1];
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : values[half - 1] + (values[half] - values[half - 1]) / 2;
}

/// c[0] + c[1] x + c[2] x^2 + ...
template <size_t kTerms>
double polynomial(const std::array<double, kTerms>& c, double x) {
  double value = 0;
  for (size_t i = kTerms; i-- > 0;) value = value * x + c[i];
  return value;
}

/// The weights of the differences x(n) - x(1), x(n-1) - x(2), ...
std::vector<double> shapiro_wilk_weights(size_t count) {
  if (count == 3) return {std::sqrt(0.5)};
  const auto n = static_cast<double>(count);
  std::vector<double> scores;  // Blom's approximation of the expected order statistics, largest first
  double squares = 0;
  for (size_t i = 1; i <= count / 2; ++i) {
    scores.push_back(-normal_quantile((static_cast<double>(i) - 0.375) / (n + 0.25)));
    squares += 2 * scores.back() * scores.back();
  }
  const double x = 1 / std::sqrt(n);
  const double length = std::sqrt(squares);
  std::vector<double> weights = {polynomial<6>({0, 0.221157, -0.147981, -2.07119, 4.434685, -2.706056}, x) +
                                 scores[0] / length};
  if (count > 5) {
    weights.push_back(polynomial<6>({0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633}, x) +
                      scores[1] / length);
  }
  double left = 1;  // the weights of both halves have a length of one
  for (size_t i = 0; i < weights.size(); ++i) {
    squares -= 2 * scores[i] * scores[i];
    left -= 2 * weights[i] * weights[i];
  }
  const double scale = std::sqrt(squares / left);
  for (size_t i = weights.size(); i < scores.size(); ++i) weights.push_back(scores[i] / scale);
  return weights;
}

double shapiro_wilk_p(double w, size_t count) {
  const auto n = static_cast<double>(count);
  if (count == 3) {
    constexpr double kPi = 3.14159265358979323846;
    return std::clamp(6 / kPi * (std::asin(std::sqrt(w)) - std::asin(std::sqrt(0.75))), 0.0, 1.0);
  }
  double y = std::log1p(-w);
  if (count <= 11) {
    const double gamma = polynomial<2>({-2.273, 0.459}, n);
    if (y >= gamma) return 0;
    y = -std::log(gamma - y);
    const double m = polynomial<4>({0.544, -0.39978, 0.025054, -6.714e-4}, n);
    return normal_upper((y - m) / std::exp(polynomial<4>({1.3822, -0.77857, 0.062767, -0.0020322}, n)));
  }
  const double x = std::log(n);
  const double m = polynomial<4>({-1.5861, -0.31082, -0.083751, 0.0038915}, x);
  return normal_upper((y - m) / std::exp(polynomial<3>({-0.4803, -0.082676, 0.0030302}, x)));
}

}  // namespace

Outcome<Levene> levene(std::span<const Group> groups) {
  if (auto reason = not_comparable(groups, 1)) return *reason;
  std::vector<Group> distances;
  for (const Group& group : groups) {
    const double center = median(group.values);
    Group& distance = distances.emplace_back();
    distance.name = group.name;
    double most = 0;
    for (const double value : group.values) {
      distance.values.push_back(std::abs(value - center));
      most = std::max(most, std::abs(value));
    }
    // Two values, say, lie equally far off: rounding of the median must not look like variance.
    join_neighbours(distance.values, most);
  }
  const Outcome<AnovaTable> table = one_way_anova(distances, "group");
  if (!table) return CannotBeHad{"of the distances to the medians, " + table.reason()};
  const AnovaRow& effect = table->effects[0];
  return Levene{effect.f, effect.df, table->residual_df, effect.p};
}

Outcome<ShapiroWilk> shapiro_wilk(std::span<const double> values) {
  if (values.size() < 3) return CannotBeHad{"it takes three values or more"};
  if (values.size() > 5000) return CannotBeHad{"its approximation holds for at most 5000 values"};
  std::vector<double> sorted(values.begin(), values.end());
  for (const double value : sorted) {
    if (!std::isfinite(value)) return CannotBeHad{"a value is not finite"};
  }
  std::sort(sorted.begin(), sorted.end());
  const double range = sorted.back() - sorted.front();
  if (!(range > 0)) return CannotBeHad{"all values are equal"};
  for (double& value : sorted) value = (value - values[0]) / range;  // tiny ones would underflow when squared
  const std::vector<double> weights = shapiro_wilk_weights(sorted.size());
  double slope = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    slope += weights[i] * (sorted[sorted.size() - 1 - i] - sorted[i]);
  ShapiroWilk result;
  result.w = std::min(slope * slope / sum_of_squares(sorted), 1.0);
  result.p = shapiro_wilk_p(result.w, sorted.size());
  return result;
}

}  // namespace thimble::statistics
