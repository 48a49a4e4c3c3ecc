#include "statistics/gaussian_process.h"

#include <Eigen/Cholesky>
#include <cmath>
#include <numbers>
#include <numeric>
#include <optional>

namespace thimble::statistics {
namespace {

Eigen::Map<const Eigen::VectorXd> as_vector(std::span<const double> values) {
  return {values.data(), static_cast<Eigen::Index>(values.size())};
}

double covariance_of(const Point& a, const Point& b, const Covariance& c) {
  const double squares = (as_vector(a) - as_vector(b)).squaredNorm();
  return c.linear * as_vector(a).dot(as_vector(b)) +
         c.smooth * std::exp(-squares / (2 * c.length * c.length));
}

}  // namespace

struct GaussianProcess::State {
  std::vector<Point> points;
  Covariance covariance;
  double mean = 0;
  double deviation = 1;
  Eigen::LLT<Eigen::MatrixXd> factors;
  Eigen::VectorXd weights;
  double log_likelihood = 0;
};

GaussianProcess::GaussianProcess(std::vector<Point> points, std::span<const double> values,
                                 const Covariance& covariance) {
  auto state = std::make_shared<State>();
  state->points = std::move(points);
  state->covariance = covariance;
  const auto y = as_vector(values);
  state->mean = y.mean();
  const double deviation = std::sqrt((y.array() - state->mean).square().mean());
  if (deviation > 0) state->deviation = deviation;

  const auto count = static_cast<Eigen::Index>(values.size());
  Eigen::MatrixXd matrix(count, count);
  for (Eigen::Index i = 0; i < count; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) {
      matrix(i, j) = covariance_of(state->points[static_cast<size_t>(i)],
                                   state->points[static_cast<size_t>(j)], covariance);
    }
    matrix(i, i) += covariance.noise;
  }
  state->factors.compute(matrix);  // reads the lower half alone
  const Eigen::VectorXd scaled = (y.array() - state->mean) / state->deviation;
  state->weights = state->factors.solve(scaled);
  const Eigen::MatrixXd& lower = state->factors.matrixLLT();
  state->log_likelihood = -0.5 * scaled.dot(state->weights) - lower.diagonal().array().log().sum() -
                          0.5 * static_cast<double>(count) * std::log(2 * std::numbers::pi);
  state_ = std::move(state);
}

GaussianProcess GaussianProcess::fit(const std::vector<Point>& points, std::span<const double> values) {
  std::optional<GaussianProcess> best;
  for (const double linear : {0.0, 1.0}) {
    for (const double smooth : {0.1, 1.0}) {
      for (const double length : {0.5, 1.0, 2.0, 4.0}) {
        for (const double noise : {1e-4, 1e-2, 0.1, 0.3}) {
          GaussianProcess process(points, values,
                                  {.linear = linear, .smooth = smooth, .length = length, .noise = noise});
          if (!best || process.log_likelihood() > best->log_likelihood()) best = std::move(process);
        }
      }
    }
  }
  return *best;
}

Prediction GaussianProcess::predict(const Point& point) const {
  const State& s = *state_;
  Eigen::VectorXd to_points(static_cast<Eigen::Index>(s.points.size()));
  for (size_t i = 0; i < s.points.size(); ++i)
    to_points[static_cast<Eigen::Index>(i)] = covariance_of(point, s.points[i], s.covariance);
  const Eigen::VectorXd half = s.factors.matrixL().solve(to_points);
  const double variance = covariance_of(point, point, s.covariance) - half.squaredNorm();
  return {s.mean + s.deviation * to_points.dot(s.weights), s.deviation * std::sqrt(std::max(0.0, variance))};
}

double GaussianProcess::noise_deviation() const {
  return state_->deviation * std::sqrt(state_->covariance.noise);
}

double GaussianProcess::log_likelihood() const { return state_->log_likelihood; }

}  // namespace thimble::statistics
