#include "data/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "support/expect_error.h"

namespace thimble {
namespace {

using data::Augmentation;

/// One image of 4x3x2 with 24 different values.
data::Dataset image_set() {
  data::Dataset set;
  set.name = "images";
  set.sample_shape = {4, 3, 2};
  set.samples.resize(24);
  std::iota(set.samples.begin(), set.samples.end(), uint8_t{1});
  set.labels = {0};
  set.class_names = {"only"};
  return set;
}

/// One signal of 64 moments and six channels, two of three axes.
data::Dataset signal_set() {
  data::Dataset set;
  set.name = "signals";
  set.sample_shape = {1, 64, 6};
  set.values.resize(64 * 6);
  for (size_t i = 0; i < set.values.size(); ++i) {
    const double t = static_cast<double>(i / 6) / 64;
    const auto channel = static_cast<double>(i % 6);
    set.values[i] = static_cast<float>(channel + std::sin(6 * t + channel));
  }
  set.normalization = {{0, 1, 2, 3, 4, 5}, {1, 2, 3, 1, 2, 3}};
  set.labels = {0};
  set.class_names = {"only"};
  return set;
}

std::vector<float> original(const data::Dataset& set) {
  std::vector<float> values(set.sample_elements());
  data::read_sample(set, 0, values);
  return values;
}

std::vector<float> augmented(const data::Dataset& set, const Augmentation& augmentation, uint64_t seed) {
  std::vector<float> values = original(set);
  data::augment(augmentation, set, Random(seed), values);
  return values;
}

TEST(Augment, does_nothing_without_options) {
  for (const data::Dataset& set : {image_set(), signal_set()}) {
    EXPECT_EQ(augmented(set, {}, 1), original(set));
  }
}

TEST(Augment, shift_and_flip_move_the_whole_image_and_mirror_its_border) {
  const data::Dataset set = image_set();
  const std::vector<float> source = original(set);
  const auto mirrored = [](int i, int extent) { return i < 0 ? -i : i >= extent ? 2 * extent - 2 - i : i; };
  std::set<std::tuple<int, int, bool>> moves;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const std::vector<float> values = augmented(set, {.shift = 2, .flip = true}, seed);
    const auto is_move = [&](int dy, int dx, bool flip) {
      for (int y = 0; y < 4; ++y) {
        for (int x = 0; x < 3; ++x) {
          const int from_y = mirrored(y - dy, 4);
          const int column = mirrored(x - dx, 3);
          const int from_x = flip ? 2 - column : column;
          for (int c = 0; c < 2; ++c) {
            if (values[(y * 3 + x) * 2 + c] != source[(from_y * 3 + from_x) * 2 + c]) return false;
          }
        }
      }
      return true;
    };
    bool found = false;
    for (int dy = -2; dy <= 2; ++dy) {
      for (int dx = -2; dx <= 2; ++dx) {
        for (const bool flip : {false, true}) {
          if (!is_move(dy, dx, flip)) continue;
          found = true;
          moves.insert({dy, dx, flip});
        }
      }
    }
    ASSERT_TRUE(found) << "no move gives the image of seed " << seed;
  }
  EXPECT_EQ(moves.size(), 50U) << "some move never occurs";
}

TEST(Augment, cutout_covers_a_square_with_the_mean) {
  data::Dataset set = image_set();
  set.sample_shape = {12, 12, 1};
  set.samples.resize(144);
  std::iota(set.samples.begin(), set.samples.end(), uint8_t{0});
  const std::vector<float> source = original(set);
  const float mean = std::accumulate(source.begin(), source.end(), 0.0F) / 144;
  size_t whole_squares = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<float> values = augmented(set, {.cutout = 4}, seed);
    size_t covered = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i] == source[i]) continue;
      ++covered;
      EXPECT_NEAR(values[i], mean, 1e-4);
    }
    EXPECT_GE(covered, 4U);
    EXPECT_LE(covered, 16U);
    whole_squares += covered == 16 ? 1 : 0;
  }
  EXPECT_GT(whole_squares, 10U);
}

TEST(Augment, rotation_keeps_lengths_in_the_raw_units_and_turns_all_triples_alike) {
  const data::Dataset set = signal_set();
  const auto raw = [&](const std::vector<float>& values, size_t i) {
    return values[i] * set.normalization.standard_deviation[i % 6] + set.normalization.mean[i % 6];
  };
  const std::vector<float> before = original(set);
  const std::vector<float> after = augmented(set, {.rotation = 30}, 3);
  EXPECT_NE(after, before);
  for (size_t t = 0; t < 64; ++t) {
    double dot_before = 0;
    double dot_after = 0;
    for (size_t triple = 0; triple < 6; triple += 3) {
      double square_before = 0;
      double square_after = 0;
      double along = 0;
      for (size_t k = 0; k < 3; ++k) {
        const size_t i = t * 6 + triple + k;
        square_before += raw(before, i) * raw(before, i);
        square_after += raw(after, i) * raw(after, i);
        along += raw(before, i) * raw(after, i);
        if (triple == 0) {
          dot_before += raw(before, i) * raw(before, i + 3);
          dot_after += raw(after, i) * raw(after, i + 3);
        }
      }
      EXPECT_NEAR(square_after, square_before, 1e-3);
      EXPECT_GT(along / square_before, std::cos(30.1 * 3.14159 / 180)) << "turned by more than 30 degrees";
    }
    EXPECT_NEAR(dot_after, dot_before, 1e-3) << "the two triples turned by different rotations";
  }
}

TEST(Augment, time_warp_keeps_both_ends_and_the_order_of_time) {
  data::Dataset set = signal_set();
  set.normalization = {std::vector<double>(6, 0), std::vector<double>(6, 1)};
  for (size_t i = 0; i < set.values.size(); ++i) set.values[i] = static_cast<float>(i / 6);
  bool moved = false;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const std::vector<float> values = augmented(set, {.time_warp = 0.8}, seed);
    EXPECT_NEAR(values[0], 0, 1e-4);
    EXPECT_NEAR(values.back(), 63, 1e-3);
    for (size_t i = 6; i < values.size(); ++i) EXPECT_GT(values[i], values[i - 6]);
    moved = moved || std::abs(values[32 * 6] - 32) > 0.5;
  }
  EXPECT_TRUE(moved);
}

TEST(Augment, scaling_and_jitter_have_the_spread_that_was_asked_for) {
  data::Dataset set = signal_set();
  set.normalization = {std::vector<double>(6, 0), std::vector<double>(6, 1)};
  std::fill(set.values.begin(), set.values.end(), 1.0F);
  double scaling = 0;
  double jitter = 0;
  constexpr int kRuns = 500;
  for (uint64_t seed = 0; seed < kRuns; ++seed) {
    const std::vector<float> scaled = augmented(set, {.scaling = 0.1}, seed);
    for (size_t i = 6; i < scaled.size(); ++i)
      ASSERT_EQ(scaled[i], scaled[i % 6]) << "not one factor a channel";
    scaling += std::pow(scaled[0] - 1, 2);
    for (const float value : augmented(set, {.jitter = 0.2}, seed)) jitter += std::pow(value - 1, 2);
  }
  EXPECT_NEAR(std::sqrt(scaling / kRuns), 0.1, 0.01);
  EXPECT_NEAR(std::sqrt(jitter / kRuns / 384), 0.2, 0.002);
}

TEST(Augment, beta_has_its_mean_and_variance) {
  for (const double alpha : {0.2, 1.0, 4.0}) {
    Random random(7);
    double sum = 0;
    double squares = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const double value = data::draw_beta(alpha, random);
      ASSERT_GE(value, 0);
      ASSERT_LE(value, 1);
      sum += value;
      squares += (value - 0.5) * (value - 0.5);
    }
    EXPECT_NEAR(sum / kDraws, 0.5, 0.01);
    EXPECT_NEAR(squares / kDraws, 1 / (4 * (2 * alpha + 1)), 0.005) << "alpha " << alpha;
  }
}

TEST(Augment, refuses_what_does_not_suit_the_samples) {
  const auto refused = [](const data::Dataset& set, const Augmentation& augmentation,
                          const std::string& part) {
    test::expect_error([&] { data::check(augmentation, set); }, part);
  };
  refused(image_set(), {.shift = 3}, "shift");
  refused(image_set(), {.shift = -1}, "shift");
  refused(image_set(), {.cutout = 9}, "cutout");
  refused(image_set(), {.mixup = NAN}, "mixup");
  refused(image_set(), {.jitter = 0.1}, "is for signals");
  refused(signal_set(), {.flip = true}, "is for images");
  refused(signal_set(), {.time_warp = 1}, "time_warp");
  data::Dataset five_channels = signal_set();
  five_channels.sample_shape = {1, 64, 5};
  refused(five_channels, {.rotation = 10}, "by three");
  data::Dataset table = signal_set();
  table.sample_shape = {1, 1, 384};
  refused(table, {.jitter = 0.1}, "is for signals");
  EXPECT_NO_THROW(data::check({.mixup = 0.2}, table));
}

}  // namespace
}  // namespace thimble
