#pragma once

#include <span>
#include <vector>

namespace thimble::statistics {

struct LeastSquaresFit {
  std::vector<double> residuals;
  double residual_sum_of_squares = 0;
};

/// Fits y by the columns (each of y's size, linearly independent, fewer than y's elements) by Householder
/// reflections (Golub and Van Loan, Matrix Computations, 4th ed., section 5.2).
LeastSquaresFit least_squares(std::vector<std::vector<double>> columns, std::span<const double> y);

}  // namespace thimble::statistics
