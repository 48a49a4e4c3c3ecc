#pragma once

namespace thimble::statistics {

// Boost.Math's distributions. An upper tail is P(X >= x), computed as such, so that small ones keep their
// digits.

double f_upper(double f, double df1, double df2);
double chi_squared_upper(double x, double df);
double normal_upper(double z);
double normal_quantile(double p);
double students_t_quantile(double p, double df);

/// The non-centrality at which P(T <= t) of a non-central t distribution is p.
double non_centrality_of_t(double t, double df, double p);

}  // namespace thimble::statistics
