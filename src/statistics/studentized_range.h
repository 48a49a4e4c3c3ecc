#pragma once

namespace thimble::statistics {

/// P(Q >= q) of the studentized range of `groups` means with `df` degrees of freedom of the error (infinity:
/// the variance is known), for q >= 0, 2 to 1000 groups and df >= 1. By quadrature of its definition,
///   Q = (max z - min z) / s,  z standard normal,  s^2 = chi^2_df / df
/// (Tukey 1953; Abramowitz and Stegun, 26.2; Lund and Lund, Applied Statistics 32, 1983), to 1e-12.
double studentized_range_upper(double q, double groups, double df);

/// The q whose upper tail is `p`, 0 < p < 1.
double studentized_range_quantile_upper(double p, double groups, double df);

}  // namespace thimble::statistics
