#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <vector>

namespace thimble {
namespace {

/// Pearson's statistic of counts that should be equal.
double chi_squared(const std::vector<int>& counts) {
  const double expected =
      std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

// The published test values of SplitMix64 for the seed 1234567.
TEST(Random, gives_the_published_sequence_of_splitmix64) {
  Random random(1234567);
  EXPECT_EQ(random.bits(), 6457827717110365317u);
  EXPECT_EQ(random.bits(), 3203168211198807973u);
  EXPECT_EQ(random.bits(), 9817491932198370423u);
  EXPECT_EQ(random.bits(), 4593380528125082431u);
  EXPECT_EQ(random.bits(), 16408922859458223821u);
}

TEST(Random, repeats_itself_for_a_seed_and_differs_for_another) {
  Random one(7), same(7), other(8);
  const uint64_t first = one.bits();
  EXPECT_EQ(first, same.bits());
  EXPECT_NE(first, other.bits());
}

TEST(Random, forks_are_independent_of_each_other_and_leave_the_parent_as_it_was) {
  Random parent(7);
  Random first = parent.fork(1), again = parent.fork(1), second = parent.fork(2);
  const uint64_t of_first = first.bits();
  EXPECT_EQ(of_first, again.bits());
  EXPECT_NE(of_first, second.bits());
  EXPECT_EQ(parent.bits(), Random(7).bits());
}

TEST(Random, below_reaches_every_value_evenly) {
  Random random(1);
  std::vector<int> counts(10);
  for (int i = 0; i < 100000; ++i) ++counts.at(random.below(10));
  EXPECT_LT(chi_squared(counts), 27.88);  // 9 degrees of freedom, p = 0.001
}

TEST(Random, between_includes_both_ends) {
  Random random(2);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts.at(static_cast<size_t>(random.between(-3, 3) + 3));
  EXPECT_LT(chi_squared(counts), 22.46);  // 6 degrees of freedom, p = 0.001
  EXPECT_EQ(random.between(5, 5), 5);
}

TEST(Random, between_spans_the_whole_range_of_32_bits) {
  Random random(3);
  constexpr int32_t kLow = std::numeric_limits<int32_t>::min();
  constexpr int32_t kHigh = std::numeric_limits<int32_t>::max();
  int negative = 0;
  for (int i = 0; i < 10000; ++i) negative += random.between(kLow, kHigh) < 0 ? 1 : 0;
  EXPECT_NEAR(negative, 5000, 165);  // 3.3 standard deviations
}

TEST(Random, uniform_is_in_the_unit_interval_with_its_mean_and_variance) {
  Random random(4);
  constexpr int kCount = 200000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
    squares += value * value;
  }
  const double mean = sum / kCount;
  EXPECT_NEAR(mean, 0.5, 0.003);
  EXPECT_NEAR(squares / kCount - mean * mean, 1.0 / 12, 0.001);
}

TEST(Random, normal_has_mean_0_variance_1_and_the_tails_of_a_normal) {
  Random random(5);
  constexpr int kCount = 200000;
  double sum = 0, squares = 0;
  int beyond_two = 0;
  for (int i = 0; i < kCount; ++i) {
    const double value = random.normal();
    sum += value;
    squares += value * value;
    beyond_two += std::abs(value) > 2 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.01);
  EXPECT_NEAR(squares / kCount, 1, 0.02);
  EXPECT_NEAR(static_cast<double>(beyond_two) / kCount, 0.0455, 0.002);
}

TEST(Random, shuffle_keeps_all_values_and_reaches_every_permutation_evenly) {
  Random random(6);
  std::vector<int> counts(24);
  for (int i = 0; i < 48000; ++i) {
    std::array<int, 4> values{0, 1, 2, 3};
    random.shuffle(std::span<int>(values));
    int rank = 0;  // of the permutation, in alphabetical order
    for (size_t at = 0; at < values.size(); ++at) {
      rank = rank * static_cast<int>(values.size() - at) +
             static_cast<int>(std::count_if(values.begin() + static_cast<long>(at), values.end(),
                                            [&](int later) { return later < values[at]; }));
    }
    ++counts.at(static_cast<size_t>(rank));
    std::sort(values.begin(), values.end());
    ASSERT_EQ(values, (std::array<int, 4>{0, 1, 2, 3}));
  }
  EXPECT_LT(chi_squared(counts), 49.73);  // 23 degrees of freedom, p = 0.001
}

}  // namespace
}  // namespace thimble
