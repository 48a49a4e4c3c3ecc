#include "statistics/least_squares.h"

#include <cmath>

namespace thimble::statistics {
namespace {

/// v - 2 u (u . v) from element `first` on, for a unit vector u.
void reflect(std::vector<double>& v, const std::vector<double>& u, size_t first) {
  double product = 0;
  for (size_t i = first; i < v.size(); ++i) product += u[i] * v[i];
  for (size_t i = first; i < v.size(); ++i) v[i] -= 2 * product * u[i];
}

}  // namespace

LeastSquaresFit least_squares(std::vector<std::vector<double>> columns, std::span<const double> y) {
  std::vector<double> rotated(y.begin(), y.end());
  std::vector<std::vector<double>> reflections;
  for (size_t k = 0; k < columns.size(); ++k) {
    std::vector<double> u = columns[k];
    double squares = 0;
    for (size_t i = k; i < u.size(); ++i) squares += u[i] * u[i];
    const double length = std::sqrt(squares);
    squares += 2 * length * std::abs(u[k]) + squares;  // of u once its first element has grown by the length
    u[k] += std::copysign(length, u[k]);
    for (size_t i = k; i < u.size(); ++i) u[i] /= std::sqrt(squares);
    for (size_t j = k + 1; j < columns.size(); ++j) reflect(columns[j], u, k);
    reflect(rotated, u, k);
    reflections.push_back(std::move(u));
  }
  // What is left below the columns' space is the residual, in rotated coordinates.
  for (size_t k = 0; k < columns.size(); ++k) rotated[k] = 0;
  LeastSquaresFit fit;
  for (const double value : rotated) fit.residual_sum_of_squares += value * value;
  for (size_t k = columns.size(); k-- > 0;) reflect(rotated, reflections[k], k);
  fit.residuals = std::move(rotated);
  return fit;
}

}  // namespace thimble::statistics
