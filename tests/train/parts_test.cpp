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

TEST(Schedule, one_cycle_falls_along_a_line_and_swings_the_momentum_against_the_rate) {
  train::TrainOptions options;
  options.schedule = train::Schedule::kOneCycle;
  options.warmup = 0.25;
  const auto rate = [&](int64_t step) { return train::learning_rate_at(options, step, 1000); };
  const auto momentum = [&](int64_t step) { return train::momentum_at(options, step, 1000); };
  EXPECT_NEAR(rate(250), options.learning_rate, 1e-3);
  EXPECT_NEAR(rate(625), options.learning_rate / 2, 1e-3);
  EXPECT_NEAR(momentum(0), 0.95, 1e-3);
  EXPECT_NEAR(momentum(250), 0.85, 1e-3);
  EXPECT_NEAR(momentum(999), 0.95, 1e-3);
  options.schedule = train::Schedule::kCosine;
  EXPECT_EQ(momentum(250), options.momentum);
}

TEST(Batches, an_epoch_visits_every_sample_once_in_an_order_of_its_own) {
  const auto order = [](uint64_t seed, int epoch) {
    std::vector<size_t> samples(100);
    std::iota(samples.begin(), samples.end(), size_t{0});
    train::shuffle_for_epoch(samples, seed, epoch);
    return samples;
  };
  const auto first = order(1, 0);
  EXPECT_EQ(std::set<size_t>(first.begin(), first.end()).size(), 100U);
  EXPECT_EQ(first, order(1, 0));
  EXPECT_NE(first, order(1, 1));
  EXPECT_NE(first, order(2, 0));
}

TEST(Batches, a_sample_is_varied_alike_wherever_it_stands_in_a_batch) {
  const data::Dataset set = test::tiny_set(4);
  const size_t elements = set.sample_elements();
  std::vector<float> two(2 * elements);
  std::vector<float> one(elements);
  const data::Augmentation augmentation = {.shift = 2, .flip = true, .cutout = 3};
  train::read_augmented_batch(set, std::vector<size_t>{3, 1}, augmentation, Random(1), two);
  train::read_augmented_batch(set, std::vector<size_t>{1}, augmentation, Random(1), one);
  EXPECT_TRUE(std::equal(one.begin(), one.end(), two.begin() + static_cast<std::ptrdiff_t>(elements)));
}

}  // namespace
}  // namespace thimble
