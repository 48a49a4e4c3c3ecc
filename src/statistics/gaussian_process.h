#pragma once

#include <memory>
#include <span>
#include <vector>

namespace thimble::statistics {

using Point = std::vector<double>;

/// The covariance of what a process has at two points, of values with mean 0 and deviation 1:
/// linear a.b + smooth exp(-|a - b|^2 / (2 length^2)), and noise in each measured value besides.
struct Covariance {
  double linear = 1;
  double smooth = 1;
  double length = 1;
  double noise = 0.1;
};

struct Prediction {
  double mean = 0;
  double deviation = 0;  ///< of what lies below the noise
};

/// Regression by a Gaussian process (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006,
/// algorithm 2.1). The values are brought to mean 0 and deviation 1 first.
class GaussianProcess {
 public:
  /// One value a point, at least one; points of one size. `covariance` has noise above 0.
  GaussianProcess(const std::vector<Point>& points, std::span<const double> values,
                  const Covariance& covariance);
  GaussianProcess(GaussianProcess&&) noexcept;
  GaussianProcess& operator=(GaussianProcess&&) noexcept;
  ~GaussianProcess();
  /// With the covariance, of a grid, under which the values are likeliest.
  static GaussianProcess fit(const std::vector<Point>& points, std::span<const double> values);

  Prediction predict(const Point& point) const;
  /// The prediction's mean alone, at a fraction of its cost.
  double mean(const Point& point) const;
  /// The deviation of the noise in each measured value, in the values' unit.
  double noise_deviation() const;
  /// The logarithm of the values' marginal likelihood, after they were brought to mean 0 and deviation 1.
  double log_likelihood() const;

 private:
  struct State;
  explicit GaussianProcess(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace thimble::statistics
