#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "statistics/describe.h"
#include "statistics/outcome.h"

namespace thimble::statistics {

/// One effect of an analysis of variance.
struct AnovaRow {
  std::string source;  ///< "technique", "technique x network"
  double sum_of_squares = 0;
  double df = 0;
  double mean_square = 0;
  double f = 0;
  double p = 0;
  double eta_squared = 0;            ///< SS / SS of all
  double partial_eta_squared = 0;    ///< SS / (SS + SS of the residuals)
  double omega_squared = 0;          ///< (SS - df MS_e) / (SS of all + MS_e); below zero where F < 1
  double partial_omega_squared = 0;  ///< df (F - 1) / (df (F - 1) + N)
};

struct AnovaTable {
  std::vector<AnovaRow> effects;
  double residual_sum_of_squares = 0;
  double residual_df = 0;
  double residual_mean_square = 0;
  std::vector<double> residuals;  ///< in the order of the values
};

/// Fisher's analysis of variance of one factor, balanced or not. Needs a group with two values and some
/// variance in a group.
Outcome<AnovaTable> one_way_anova(std::span<const Group> groups, std::string_view factor);

/// Welch's, for groups of unequal variances (Welch, Biometrika 38, 1951). Needs two values and some variance
/// in every group.
struct WelchAnova {
  double f = 0;
  double df1 = 0;
  double df2 = 0;
  double p = 0;
};
Outcome<WelchAnova> welch_anova(std::span<const Group> groups);

/// A value with its levels of two factors.
struct Observation {
  std::string a;
  std::string b;
  double value = 0;
};

/// How an unbalanced design shares out what the factors explain together; in a balanced one the two agree.
/// Type II: each main effect after the other; Type III: each after all else, interaction included, with
/// contrasts that sum to zero (Fox, Applied Regression Analysis, 3rd ed., section 8.2).
enum class SumsOfSquares { kTypeII, kTypeIII };

/// Two crossed factors and their interaction, balanced or not. Needs a value in every cell, and more values
/// than cells.
Outcome<AnovaTable> two_way_anova(std::span<const Observation> observations, std::string_view factor_a,
                                  std::string_view factor_b, SumsOfSquares type);

/// A factor (a) and a block (b: the seed) without interaction: what all techniques share in a seed is taken
/// out of the error. Needs exactly one value in every cell.
Outcome<AnovaTable> blocked_anova(std::span<const Observation> observations, std::string_view factor,
                                  std::string_view block);

}  // namespace thimble::statistics
