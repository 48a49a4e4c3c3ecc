#include "pipeline/objective.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "pipeline/pareto.h"

namespace thimble::pipeline {
namespace {

const Costs kBaseline{
    .accuracy = 0.99, .latency_ms = 200, .energy_uj = 2000, .ram_bytes = 20000, .flash_bytes = 100000};
const Costs kSmall{
    .accuracy = 0.98, .latency_ms = 50, .energy_uj = 500, .ram_bytes = 5000, .flash_bytes = 10000};

TEST(Objective, is_the_weighted_sum_of_the_ratios_to_the_baseline) {
  EXPECT_DOUBLE_EQ(*objective(kBaseline, kBaseline, {}, {}).value, 1);
  EXPECT_NEAR(*objective(kSmall, kBaseline, {}, {}).value, 0.25 * (2 + 0.25 + 0.1 + 0.25), 1e-12);
  EXPECT_NEAR(*objective(kSmall, kBaseline, {.error = 3, .latency = 0, .size = 1, .energy = 0}, {}).value,
              6.1, 1e-12);
}

TEST(Objective, a_limit_is_hard) {
  Budget budget;
  budget.accuracy = 0.985;
  budget.ram_bytes = 5000;
  budget.latency_ms = 100;
  const Objective small = objective(kSmall, kBaseline, {}, budget);
  EXPECT_EQ(small.broken, std::vector<std::string>{"accuracy is 0.98, allowed is at least 0.985"});
  Costs within = kSmall;
  within.accuracy = 0.9851;
  within.latency_ms = 99;
  const Objective worse_but_within =
      objective(within, kBaseline, {.error = 9, .latency = 9, .size = 9, .energy = 9}, budget);
  EXPECT_TRUE(worse_but_within.broken.empty());
  EXPECT_GT(*worse_but_within.value, *small.value);
}

TEST(Objective, what_was_not_measured_is_said_and_never_counted_as_zero) {
  Costs unknown = kSmall;
  unknown.energy_uj.reset();
  Budget budget;
  budget.energy_uj = 1000;
  const Objective result = objective(unknown, kBaseline, {}, budget);
  EXPECT_FALSE(result.value);
  EXPECT_EQ(result.why, "the energy of the network was not measured");
  EXPECT_EQ(result.broken, std::vector<std::string>{"energy in uJ was not measured"});
  EXPECT_TRUE(objective(unknown, kBaseline, {.error = 1, .latency = 1, .size = 1, .energy = 0}, {}).value);
  Costs perfect = kBaseline;
  perfect.accuracy = 1;
  EXPECT_EQ(objective(kSmall, perfect, {}, {}).why, "the error of the baseline is zero");
}

TEST(Pareto, a_front_is_what_nobody_dominates) {
  const std::vector<Objectives> points = {{1, 5}, {2, 3}, {3, 3}, {4, 1}, {2, 3}, {5, 5}};
  EXPECT_EQ(pareto_front(points), (std::vector<size_t>{0, 1, 3, 4}));
  EXPECT_TRUE(pareto_front({}).empty());
}

TEST(Pareto, the_hypervolume_of_a_staircase_is_its_area) {
  const std::vector<Objectives> points = {{1, 5}, {2, 3}, {4, 1}, {7, 0}, {3, 4}};
  EXPECT_DOUBLE_EQ(hypervolume(points, {6, 6}), 1 * 1 + 2 * 3 + 2 * 5);
  EXPECT_EQ(hypervolume({}, {6, 6}), 0);
}

TEST(Pareto, the_hypervolume_of_random_points_is_what_a_grid_counts) {
  Random random(5);
  for (size_t objectives = 2; objectives <= 4; ++objectives) {
    // Coordinates are whole, so that the cells of a grid are either dominated or not.
    constexpr int kSide = 6;
    std::vector<Objectives> points(12, Objectives(objectives));
    for (Objectives& point : points) {
      for (double& value : point) value = random.between(0, kSide);
    }
    int cells = 1;
    for (size_t i = 0; i < objectives; ++i) cells *= kSide;
    double dominated = 0;
    for (int cell = 0; cell < cells; ++cell) {
      bool inside = false;
      for (const Objectives& point : points) {
        bool covers = true;
        for (int rest = cell, i = 0; i < static_cast<int>(objectives); ++i, rest /= kSide) {
          covers = covers && point[static_cast<size_t>(i)] <= rest % kSide;
        }
        inside = inside || covers;
      }
      dominated += inside ? 1 : 0;
    }
    EXPECT_DOUBLE_EQ(hypervolume(points, Objectives(objectives, kSide)), dominated) << objectives;
    const Objectives reference(objectives, kSide);
    const std::span<const Objectives> others = std::span<const Objectives>(points).subspan(1);
    EXPECT_NEAR(exclusive_hypervolume(points[0], others, reference),
                dominated - hypervolume(others, reference), 1e-9);
  }
}

TEST(Pareto, the_knee_is_where_the_front_bends) {
  EXPECT_EQ(knee_point(std::vector<Objectives>{{0, 100}, {1, 20}, {5, 10}, {10, 0}}), 1U);
  EXPECT_EQ(knee_point(std::vector<Objectives>{{3, 3}}), 0U);
  EXPECT_FALSE(knee_point({}));
}

}  // namespace
}  // namespace thimble::pipeline
