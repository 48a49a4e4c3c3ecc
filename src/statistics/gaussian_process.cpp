#include "statistics/gaussian_process.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>

namespace thimble::statistics {
namespace {

using Eigen::ArrayXXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

Eigen::Map<const VectorXd> as_vector(std::span<const double> values) {
  return {values.data(), static_cast<Index>(values.size())};
}

/// The points, one a column.
MatrixXd as_columns(const std::vector<Point>& points) {
  MatrixXd columns(static_cast<Index>(points[0].size()), static_cast<Index>(points.size()));
  for (size_t i = 0; i < points.size(); ++i) columns.col(static_cast<Index>(i)) = as_vector(points[i]);
  return columns;
}

/// Of dot products and squared distances.
template <typename Products, typename Squares>
auto covariances(const Products& products, const Squares& squares, const Covariance& c) {
  return (c.linear * products + c.smooth * (squares / (-2 * c.length * c.length)).exp()).eval();
}

/// What the covariances of points among each other are made of.
struct Pairs {
  explicit Pairs(const MatrixXd& columns)
      : products((columns.transpose() * columns).array()), squares(products.rows(), products.cols()) {
    for (Index i = 0; i < squares.rows(); ++i) {
      for (Index j = 0; j < squares.cols(); ++j)
        squares(i, j) = (columns.col(i) - columns.col(j)).squaredNorm();
    }
  }

  ArrayXXd products;
  ArrayXXd squares;
};

}  // namespace

struct GaussianProcess::State {
  State(MatrixXd points, const Pairs& pairs, std::span<const double> values, const Covariance& c)
      : columns(std::move(points)), covariance(c) {
    const auto y = as_vector(values);
    mean = y.mean();
    const double spread = std::sqrt((y.array() - mean).square().mean());
    if (spread > 0) deviation = spread;
    MatrixXd matrix = covariances(pairs.products, pairs.squares, c).matrix();
    matrix.diagonal().array() += c.noise;
    factors.compute(matrix);
    const VectorXd scaled = (y.array() - mean) / deviation;
    weights = factors.solve(scaled);
    log_likelihood = -0.5 * scaled.dot(weights) - factors.matrixLLT().diagonal().array().log().sum() -
                     0.5 * static_cast<double>(values.size()) * std::log(2 * std::numbers::pi);
  }

  VectorXd covariances_with(const Point& point) const {
    const auto at = as_vector(point);
    const auto products = (columns.transpose() * at).array().eval();
    const auto squares = (columns.colwise() - at).colwise().squaredNorm().transpose().array().eval();
    return covariances(products, squares, covariance).matrix();
  }

  MatrixXd columns;
  Covariance covariance;
  double mean = 0;
  double deviation = 1;
  Eigen::LLT<MatrixXd> factors;
  VectorXd weights;
  double log_likelihood = 0;
};

GaussianProcess::GaussianProcess(std::unique_ptr<const State> state) : state_(std::move(state)) {}
GaussianProcess::GaussianProcess(GaussianProcess&&) noexcept = default;
GaussianProcess& GaussianProcess::operator=(GaussianProcess&&) noexcept = default;
GaussianProcess::~GaussianProcess() = default;

GaussianProcess::GaussianProcess(const std::vector<Point>& points, std::span<const double> values,
                                 const Covariance& covariance) {
  const MatrixXd columns = as_columns(points);
  state_ = std::make_unique<const State>(columns, Pairs(columns), values, covariance);
}

GaussianProcess GaussianProcess::fit(const std::vector<Point>& points, std::span<const double> values) {
  const MatrixXd columns = as_columns(points);
  const Pairs pairs(columns);
  std::unique_ptr<const State> best;
  for (const double linear : {0.0, 1.0}) {
    for (const double smooth : {0.1, 1.0}) {
      for (const double length : {0.5, 1.0, 2.0, 4.0}) {
        for (const double noise : {1e-4, 1e-2, 0.1, 0.3}) {
          auto state = std::make_unique<const State>(
              columns, pairs, values,
              Covariance{.linear = linear, .smooth = smooth, .length = length, .noise = noise});
          if (!best || state->log_likelihood > best->log_likelihood) best = std::move(state);
        }
      }
    }
  }
  return GaussianProcess(std::move(best));
}

double GaussianProcess::mean(const Point& point) const {
  return state_->mean + state_->deviation * state_->covariances_with(point).dot(state_->weights);
}

Prediction GaussianProcess::predict(const Point& point) const {
  const State& s = *state_;
  const VectorXd with = s.covariances_with(point);
  const VectorXd half = s.factors.matrixL().solve(with);
  const double own = s.covariance.linear * as_vector(point).squaredNorm() + s.covariance.smooth;
  return {mean(point), s.deviation * std::sqrt(std::max(0.0, own - half.squaredNorm()))};
}

double GaussianProcess::noise_deviation() const {
  return state_->deviation * std::sqrt(state_->covariance.noise);
}

double GaussianProcess::log_likelihood() const { return state_->log_likelihood; }

}  // namespace thimble::statistics
