#include "statistics/distributions.h"

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/roots.hpp>
#include <cmath>

namespace thimble::statistics {

namespace math = boost::math;

double f_upper(double f, double df1, double df2) {
  return math::cdf(math::complement(math::fisher_f(df1, df2), f));
}

double chi_squared_upper(double x, double df) {
  return math::cdf(math::complement(math::chi_squared(df), x));
}

double normal_upper(double z) { return math::cdf(math::complement(math::normal(), z)); }

double normal_quantile(double p) { return math::quantile(math::normal(), p); }

double students_t_quantile(double p, double df) { return math::quantile(math::students_t(df), p); }

double non_centrality_of_t(double t, double df, double p) {
  // P(T <= t) falls as the non-centrality grows, and is near p where the two differ by a few units.
  const auto excess = [&](double delta) { return math::cdf(math::non_central_t(df, delta), t) - p; };
  double low = t - 1;
  double high = t + 1;
  for (double step = 1; excess(low) < 0; step *= 2) low -= step;
  for (double step = 1; excess(high) > 0; step *= 2) high += step;
  std::uintmax_t iterations = 200;
  const auto root =
      math::tools::toms748_solve(excess, low, high, math::tools::eps_tolerance<double>(50), iterations);
  return (root.first + root.second) / 2;
}

}  // namespace thimble::statistics
