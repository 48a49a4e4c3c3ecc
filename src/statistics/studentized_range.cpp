#include "statistics/studentized_range.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

namespace thimble::statistics {
namespace {

// The integrands are analytic and die out at both ends, where the trapezoidal rule converges exponentially
// with its step (Trefethen and Weideman, SIAM Review 56, 2014): no panels, no error estimates.
constexpr double kStep = 0.15;   ///< of a standard normal variable
constexpr double kReach = 9;     ///< beyond which its density, 1e-18, adds nothing
constexpr double kNothing = 45;  ///< e^-45 is nothing beside 1

double normal_below(double z) { return 0.5 * std::erfc(-z * std::sqrt(0.5)); }

/// P(max z - min z >= w) of k standard normal z, for many w.
class NormalRange {
 public:
  NormalRange(double k, double largest) : k_(k) {
    constexpr double kInverseRoot = 0.39894228040143267794;  // 1 / sqrt(2 pi)
    for (double z = -kReach; z <= kReach + largest / 2; z += kStep) {
      const double below = normal_below(z);
      // Density of the maximum: k phi(z) Phi(z)^(k-1).
      nodes_.push_back(
          {z, below, kStep * k * kInverseRoot * std::exp(-z * z / 2 + (k - 1) * std::log(below))});
    }
  }

  double upper(double w) const {
    double sum = 0;
    for (const Node& node : nodes_) {
      // With the maximum at z, the others all lie in (z - w, z] with probability (1 - Phi(z - w) /
      // Phi(z))^(k-1).
      const double share = std::min(normal_below(node.z - w) / node.below, 1.0);
      sum += node.density * -std::expm1((k_ - 1) * std::log1p(-share));
    }
    return std::min(sum, 1.0);
  }

 private:
  struct Node {
    double z, below, density;
  };
  double k_;
  std::vector<Node> nodes_;
};

}  // namespace

double studentized_range_upper(double q, double groups, double df) {
  assert(q >= 0 && groups >= 2 && df >= 1);
  constexpr double kLargestRange = 40;  // of standard normals: its tail is below 1e-170
  const NormalRange range(groups, std::min(2 * q, kLargestRange));
  if (std::isinf(df)) return q >= kLargestRange ? 0 : range.upper(q);

  // Over u = log s, whose density is proportional to exp(df (u - e^2u / 2)), largest at u = 0.
  const auto log_density = [&](double u) { return df * (u - std::expm1(2 * u) / 2); };
  const double step = std::min(0.1, 0.25 / std::sqrt(2 * df));
  double weights = 0;
  double sum = 0;
  const auto add = [&](double u) {
    const double weight = std::exp(log_density(u));
    const double w = q * std::exp(u);
    weights += weight;
    if (w < kLargestRange) sum += weight * range.upper(w);
  };
  for (int i = 0; log_density(i * step) > -kNothing; ++i) add(i * step);
  for (int i = -1; log_density(i * step) > -kNothing; --i) add(i * step);
  return sum / weights;
}

double studentized_range_quantile_upper(double p, double groups, double df) {
  assert(p > 0 && p < 1);
  const auto excess = [&](double q) { return std::log(studentized_range_upper(q, groups, df) / p); };
  double low = 0;
  double high = 4;
  while (excess(high) > 0) {
    low = high;
    high *= 2;
  }
  double at_low = low > 0 ? excess(low) : -std::log(p);
  double at_high = excess(high);
  // Regula falsi that halves the value of an end which stays (Dowell and Jarratt, BIT 11, 1971).
  for (int i = 0; i < 200 && high - low > 1e-12 * high; ++i) {
    const double middle = std::clamp(high - at_high * (high - low) / (at_high - at_low), low, high);
    const double at_middle = excess(middle);
    if (std::abs(at_middle) < 1e-13) return middle;
    if ((at_middle > 0) == (at_high > 0)) {
      at_low /= 2;
    } else {
      low = high;
      at_low = at_high;
    }
    high = middle;
    at_high = at_middle;
    if (low > high) {
      std::swap(low, high);
      std::swap(at_low, at_high);
    }
  }
  return (low + high) / 2;
}

}  // namespace thimble::statistics
