// The parts of the trainer that stand alone: the schedule and the making of batches.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "train/batches.h"
#include "train/schedule.h"
#include "train/tiny_set.h"

namespace thimble {
namespace {

TEST(Schedule, rises_to_its_peak_and_falls_to_nearly_nothing) {
  train::TrainOptions options;
  options.learning_rate = 0.4;
  options.warmup = 0.25;
  constexpr int64_t kSteps = 1000;
  std::vector<double> rates;
  for (int64_t step = 0; step < kSteps; ++step)
    rates.push_back(train::learning_rate_at(options, step, kSteps));
  const auto peak = std::max_element(rates.begin(), rates.end());
  EXPECT_NEAR(*peak, 0.4, 1e-3);
  EXPECT_NEAR(static_cast<double>(peak - rates.begin()), 250, 1);
  EXPECT_TRUE(std::is_sorted(rates.begin(), peak));
  EXPECT_TRUE(std::is_sorted(peak, rates.end(), std::greater<>()));
  EXPECT_GT(*std::min_element(rates.begin(), rates.end()), 0);
  EXPECT_LT(rates.back(), 1e-4);
}

TEST(Schedule, without_warm_up_begins_at_the_peak) {
  train::TrainOptions options;
  options.warmup = 0;
  EXPECT_NEAR(train::learning_rate_at(options, 0, 1000), options.learning_rate, 1e-4);
  options.schedule = train::Schedule::kConstant;
  EXPECT_EQ(train::learning_rate_at(options, 999, 1000), options.learning_rate);
}

TEST(Batches, an_epoch_visits_every_sample_once_in_an_order_of_its_own) {
  const auto first = train::epoch_order(100, 1, 0);
  EXPECT_EQ(std::set<size_t>(first.begin(), first.end()).size(), 100U);
  EXPECT_EQ(first, train::epoch_order(100, 1, 0));
  EXPECT_NE(first, train::epoch_order(100, 1, 1));
  EXPECT_NE(first, train::epoch_order(100, 2, 0));
}

TEST(Batches, a_shift_moves_the_whole_image_and_lets_zeros_in) {
  data::Dataset set = test::tiny_set(1);
  set.sample_shape = {4, 3, 2};
  set.samples.resize(24);
  std::iota(set.samples.begin(), set.samples.end(), uint8_t{1});
  const std::vector<size_t> indices = {0};
  std::set<std::pair<int, int>> moves;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<float> values(24);
    train::read_shifted_batch(set, indices, 2, Random(seed), values);
    const auto matches = [&](int dy, int dx) {
      for (int y = 0; y < 4; ++y) {
        for (int x = 0; x < 3; ++x) {
          for (int c = 0; c < 2; ++c) {
            const int from_y = y - dy;
            const int from_x = x - dx;
            const bool inside = from_y >= 0 && from_y < 4 && from_x >= 0 && from_x < 3;
            const float expected =
                inside ? static_cast<float>(set.samples[(from_y * 3 + from_x) * 2 + c]) / 255.0F : 0;
            if (values[static_cast<size_t>((y * 3 + x) * 2 + c)] != expected) return false;
          }
        }
      }
      return true;
    };
    bool found = false;
    for (int dy = -2; dy <= 2; ++dy) {
      for (int dx = -2; dx <= 2; ++dx) {
        if (!matches(dy, dx)) continue;
        found = true;
        moves.insert({dy, dx});
      }
    }
    ASSERT_TRUE(found) << "no move gives the image of seed " << seed;
  }
  EXPECT_EQ(moves.size(), 25U) << "some move never occurs";
}

TEST(Batches, a_sample_is_shifted_alike_wherever_it_stands_in_a_batch) {
  const data::Dataset set = test::tiny_set(4);
  const size_t elements = set.sample_elements();
  std::vector<float> two(2 * elements);
  std::vector<float> one(elements);
  train::read_shifted_batch(set, std::vector<size_t>{3, 1}, 2, Random(1), two);
  train::read_shifted_batch(set, std::vector<size_t>{1}, 2, Random(1), one);
  EXPECT_TRUE(std::equal(one.begin(), one.end(), two.begin() + static_cast<std::ptrdiff_t>(elements)));
}

}  // namespace
}  // namespace thimble
