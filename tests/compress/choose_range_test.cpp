#include "compress/quantize/choose_range.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace thimble::quantize {
namespace {

std::vector<ValueHistogram::Bin> bins_of(std::span<const float> values) {
  ValueHistogram histogram;
  histogram.add(values);
  return histogram.bins();
}

std::vector<float> normal_values(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

/// Value by value, in the int8 form that the range gives.
double measured_error(std::span<const float> values, Range range) {
  const Quantization q = activation_quantization(range);
  double sum = 0;
  for (const float value : values) {
    const double integer =
        std::clamp(std::round(double{value} / q.scales[0]) + q.zero_points[0], -128.0, 127.0);
    const double error = value - (integer - q.zero_points[0]) * q.scales[0];
    sum += error * error;
  }
  return sum / static_cast<double>(values.size());
}

TEST(ValueHistogram, counts_every_value_between_the_smallest_and_the_largest) {
  std::vector<float> values = normal_values(5000, 1);
  values.insert(values.end(), {0.0F, -0.0F, 1e6F, -3e38F, 1e-40F});
  const auto bins = bins_of(values);
  double count = 0;
  for (size_t i = 0; i < bins.size(); ++i) {
    count += bins[i].count;
    EXPECT_LE(bins[i].low, bins[i].high);
    if (i > 0) {
      EXPECT_LE(bins[i - 1].high, bins[i].low);
    }
  }
  EXPECT_EQ(count, 5005);
  EXPECT_EQ(bins.front().low, -3e38F);
  EXPECT_EQ(bins.back().high, 1e6F);
}

TEST(ChooseRange, its_error_is_that_of_the_values_themselves) {
  for (const uint64_t seed : {1, 2, 3}) {
    std::vector<float> values = normal_values(20000, seed);
    if (seed == 2) std::ranges::for_each(values, [](float& v) { v = std::max(v, 0.0F); });
    const auto bins = bins_of(values);
    for (const Range range : {Range{-4, 4}, Range{-1, 2}, Range{0, 3}, Range{-0.1F, 0.01F}, Range{0, 1000}}) {
      const double expected = measured_error(values, range);
      EXPECT_NEAR(mean_squared_error(bins, range), expected, 0.02 * expected)
          << range.low << " " << range.high;
    }
  }
}

TEST(ChooseRange, least_squares_is_as_good_as_the_best_of_a_fine_grid) {
  std::vector<float> values = normal_values(20000, 4);
  for (size_t i = 0; i < 40; ++i) values.push_back(static_cast<float>(i) - 4.0F);  // a long tail upwards
  const Range range = least_squares_range(bins_of(values));
  double best = 1e9;
  for (float low = -5; low < -1; low += 0.1F) {
    for (float high = 1; high < 40; high += 0.1F) best = std::min(best, measured_error(values, {low, high}));
  }
  EXPECT_LT(measured_error(values, range), 1.03 * best);
}

TEST(ChooseRange, one_value_a_million_times_the_others_does_not_take_their_steps) {
  std::vector<float> values = normal_values(200000, 5);
  values.push_back(1e6F);
  values.push_back(-1e6F);
  const auto bins = bins_of(values);
  const Range entropy = least_divergence_range(bins);
  const Range percentile = percentile_range(bins, 99.99);
  for (const Range range : {entropy, percentile}) {
    EXPECT_LT(range.low, -2);
    EXPECT_GT(range.low, -6);
    EXPECT_GT(range.high, 2);
    EXPECT_LT(range.high, 6);
  }
  // To the squared error such a value is worth all the others together: it keeps the one it can reach.
  EXPECT_LE(mean_squared_error(bins, least_squares_range(bins)), mean_squared_error(bins, {-1e6F, 1e6F}));
}

TEST(ChooseRange, percentile_is_that_of_the_sorted_values) {
  std::vector<float> values = normal_values(100000, 6);
  const Range range = percentile_range(bins_of(values), 99.9);
  std::ranges::sort(values);
  EXPECT_NEAR(range.high, values[99900], 0.01 * std::abs(values[99900]));
  EXPECT_NEAR(range.low, values[100], 0.01 * std::abs(values[100]));
  EXPECT_EQ(percentile_range(bins_of(values), 100).high, values.back());
}

TEST(ChooseRange, a_dead_or_constant_activation_has_a_range_that_holds_it) {
  for (const float value : {0.0F, 3.0F, -1e-30F, 1e30F}) {
    const std::vector<float> values(10, value);
    const auto bins = bins_of(values);
    for (const Range range :
         {percentile_range(bins, 99.9), least_squares_range(bins), least_divergence_range(bins)}) {
      EXPECT_TRUE(std::isfinite(range.low) && std::isfinite(range.high)) << value;
      EXPECT_LE(range.low, std::max(value, 0.0F));
      EXPECT_GE(range.high, std::min(value, 0.0F));
      if (std::abs(value) == 3.0F) {
        EXPECT_NEAR(measured_error(values, range), 0, 1e-3);
      }
    }
  }
}

}  // namespace
}  // namespace thimble::quantize
