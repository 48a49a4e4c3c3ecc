#include "compress/quantize/choose_range.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace thimble::quantize {
namespace {

using Bin = ValueHistogram::Bin;

double count_of(std::span<const Bin> bins) {
  return std::accumulate(bins.begin(), bins.end(), 0.0,
                         [](double sum, const Bin& b) { return sum + b.count; });
}

/// The integers of a quantization, counted from the one that stands for zero, and the size of a step.
struct Steps {
  double size, lowest, highest;
};

Steps steps_of(Range range) {
  const Quantization quantization = activation_quantization(range);
  const int32_t zero = quantization.zero_points[0];
  return {quantization.scales[0], -128.0 - zero, 127.0 - zero};
}

/// The integral of (u - quantized u)^2 from the lowest step to u, in steps.
double error_integral(const Steps& steps, double u) {
  const auto cube = [](double x) { return x * x * x / 3; };
  if (u <= steps.lowest) return cube(u - steps.lowest);
  const double nearest = std::min(std::round(u), steps.highest);
  return (nearest - steps.lowest) / 12 + cube(u - nearest);
}

/// The narrowest range still looked at is 2^-30 of the widest.
constexpr double kOctaves = 30;

/// The least of cost(2^-x) over x in [0, kOctaves]: by octaves, then in ever smaller steps around the best.
/// Of equals the widest range wins.
template <typename Cost>
double best_factor(const Cost& cost) {
  double best = 0;
  double least = cost(1.0);
  double from = 1;
  double to = kOctaves;
  for (double step = 1; step > 0.01; step /= 8) {
    for (double x = from; x <= to; x += step) {
      const double c = cost(std::exp2(-x));
      if (c < least) {
        least = c;
        best = x;
      }
    }
    from = std::max(0.0, best - step);
    to = std::min(kOctaves, best + step);
  }
  return std::exp2(-best);
}

/// Narrows both ends together (an outlier at each hides what narrowing one would gain), then one by one.
template <typename Cost>
Range narrowed(std::span<const Bin> bins, const Cost& cost) {
  Range range{static_cast<float>(std::min(bins.front().low, 0.0)),
              static_cast<float>(std::max(bins.back().high, 0.0))};
  const auto scaled = [](float value, double factor) { return static_cast<float>(value * factor); };
  const double both = best_factor([&](double f) {
    return cost(Range{scaled(range.low, f), scaled(range.high, f)});
  });
  range = {scaled(range.low, both), scaled(range.high, both)};
  if (range.low == 0 || range.high == 0) return range;
  const Range start = range;
  for (int round = 0; round < 2; ++round) {
    const double high = best_factor([&](double f) { return cost(Range{range.low, scaled(start.high, f)}); });
    range.high = scaled(start.high, high);
    const double low = best_factor([&](double f) { return cost(Range{scaled(start.low, f), range.high}); });
    range.low = scaled(start.low, low);
  }
  return range;
}

/// Of the values' distribution from the one that is left when each step spreads what it stands for evenly
/// over the bins that it takes in; the outermost steps take in all that lies beyond them.
double divergence(std::span<const Bin> bins, Range range) {
  const Steps steps = steps_of(range);
  const auto width = [](const Bin& bin) { return std::max(bin.high - bin.low, std::abs(bin.low) * 1e-6); };
  const auto step_of = [&](const Bin& bin) {
    const double u = std::round((bin.low + bin.high) / 2 / steps.size);
    return static_cast<size_t>(std::clamp(u, steps.lowest, steps.highest) - steps.lowest);
  };
  const auto is_zero = [](const Bin& bin) { return bin.low == 0 && bin.high == 0; };
  std::vector<double> count(256);
  std::vector<double> extent(256);
  for (const Bin& bin : bins) {
    if (is_zero(bin)) continue;
    count[step_of(bin)] += bin.count;
    extent[step_of(bin)] += width(bin);
  }
  const double all = std::accumulate(count.begin(), count.end(), 0.0);
  double result = 0;
  for (const Bin& bin : bins) {
    if (is_zero(bin)) continue;
    const size_t step = step_of(bin);
    result += bin.count / all * std::log(bin.count / count[step] * extent[step] / width(bin));
  }
  return result;
}

}  // namespace

double mean_squared_error(std::span<const Bin> bins, Range range) {
  const Steps steps = steps_of(range);
  double sum = 0;
  for (const Bin& bin : bins) {
    const double a = bin.low / steps.size;
    const double b = bin.high / steps.size;
    if (b - a < 0.01) {
      const double u = (a + b) / 2;
      const double error = u - std::clamp(std::round(u), steps.lowest, steps.highest);
      sum += bin.count * error * error;
    } else {
      sum += bin.count * (error_integral(steps, b) - error_integral(steps, a)) / (b - a);
    }
  }
  return sum / count_of(bins) * steps.size * steps.size;
}

Range percentile_range(std::span<const Bin> bins, double percentile) {
  const double left_out = count_of(bins) * (1 - percentile / 100);
  /// Where `left_out` values are left behind, bin by bin from one end on.
  const auto end = [&](auto begin, auto stop, bool upwards) {
    double rest = left_out;
    for (auto bin = begin; bin != stop; ++bin) {
      if (rest < bin->count) {
        const double part = rest / bin->count * (bin->high - bin->low);
        return static_cast<float>(upwards ? bin->low + part : bin->high - part);
      }
      rest -= bin->count;
    }
    return 0.0F;
  };
  const float low = end(bins.begin(), bins.end(), true);
  const float high = end(bins.rbegin(), bins.rend(), false);
  return {std::min(low, high), std::max(low, high)};
}

Range least_squares_range(std::span<const Bin> bins) {
  return narrowed(bins, [&](Range range) { return mean_squared_error(bins, range); });
}

Range least_divergence_range(std::span<const Bin> bins) {
  return narrowed(bins, [&](Range range) { return divergence(bins, range); });
}

}  // namespace thimble::quantize
