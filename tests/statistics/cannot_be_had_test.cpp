#include <gtest/gtest.h>

#include <cmath>

#include "statistics/anova.h"
#include "statistics/assumptions.h"
#include "statistics/comparisons.h"
#include "statistics/effect_size.h"
#include "statistics/friedman.h"

namespace thimble::statistics {
namespace {

/// Expects no result, and a reason with these words.
template <typename T>
void expect_none(const Outcome<T>& outcome, const std::string& words) {
  EXPECT_FALSE(outcome);
  EXPECT_NE(outcome.why().find("cannot be had, because "), std::string::npos) << outcome.why();
  EXPECT_NE(outcome.why().find(words), std::string::npos) << outcome.why();
}

const std::vector<Group> kGroups = {{"a", {1, 2, 3}}, {"b", {2, 3, 5}}};
const std::vector<Group> kOneSeed = {{"a", {1}}, {"b", {2}}};
const std::vector<Group> kConstant = {{"a", {0.1, 0.1, 0.1}}, {"b", {0.3, 0.3, 0.3}}};

TEST(CannotBeHad, one_seed_has_no_statistics) {
  expect_none(describe(kOneSeed[0].values), "two values");
  expect_none(one_way_anova(kOneSeed, "technique"), "one seed");
  expect_none(welch_anova(kOneSeed), "one seed");
  expect_none(levene(kOneSeed), "one seed");
  expect_none(shapiro_wilk(std::vector<double>{1, 2}), "three values");
  expect_none(games_howell(kOneSeed), "one seed");
  expect_none(cohens_d(kOneSeed[0], kOneSeed[1], Random(1)), "one seed");
  const std::vector<Observation> cells = {{"a", "x", 1}, {"a", "y", 2}, {"b", "x", 2}, {"b", "y", 5}};
  expect_none(two_way_anova(cells, "technique", "network", SumsOfSquares::kTypeII), "one seed");
}

TEST(CannotBeHad, two_values_of_each_have_no_spread_to_compare_whatever_their_rounding) {
  expect_none(levene(std::vector<Group>{{"a", {0.9901, 0.9902}}, {"b", {0.9801, 0.9828}}}), "do not vary");
  Random random(7);
  for (int i = 0; i < 200; ++i) {
    std::vector<Group> groups;
    for (const char* name : {"a", "b", "c"}) groups.push_back({name, {random.uniform(), random.uniform()}});
    expect_none(levene(groups), "do not vary");
  }
  // So have four that are equal two by two.
  for (int i = 0; i < 200; ++i) {
    std::vector<Group> groups;
    for (const char* name : {"a", "b", "c"}) {
      const double first = 0.99 + 1e-4 * random.below(60);
      const double second = 0.99 + 1e-4 * random.below(60);
      groups.push_back({name, {first, second, first, second}});
    }
    expect_none(levene(groups), "do not vary");
  }
}

TEST(CannotBeHad, differences_that_are_equal_in_every_block_leave_no_error_whatever_their_rounding) {
  for (const double first : {0.9920, 0.9871, 0.9433}) {
    for (int seeds = 1; seeds < 6; ++seeds) {
      for (int techniques = 1; techniques < 6; ++techniques) {
        std::vector<Observation> blocks;
        for (const int i : {0, 1}) {
          for (const int j : {0, 1}) {
            blocks.push_back({i == 0 ? "a" : "b", j == 0 ? "1" : "2",
                              std::round(1e4 * first + i * techniques + j * seeds) / 1e4});
          }
        }
        expect_none(blocked_anova(blocks, "technique", "seed"), "do not explain");
      }
    }
  }
}

TEST(CannotBeHad, values_that_do_not_vary_are_seen_whatever_their_rounding) {
  expect_none(one_way_anova(kConstant, "technique"), "do not vary");
  expect_none(welch_anova(kConstant), "do not vary");
  expect_none(levene(kConstant), "do not vary");
  expect_none(shapiro_wilk(kConstant[0].values), "all values are equal");
  expect_none(games_howell(kConstant), "varies");
  expect_none(cohens_d(kConstant[0], kConstant[1], Random(1)), "does not vary");
  // Nor is what varies in its last digits alone too much for the non-central t.
  expect_none(cohens_d({"a", {0, 1e-9}}, {"b", {1, 1 + 1e-9}}, Random(1)), "nothing beside");
  expect_none(tukey_hsd(kConstant, {0, 4}), "no error");
  std::vector<Observation> cells;
  std::vector<Observation> blocks;
  for (const char* a : {"a", "b", "c"}) {
    for (const char* b : {"x", "y", "z"}) {
      cells.insert(cells.end(), 2, {a, b, 0.1 * a[0] * b[0]});
      blocks.push_back({a, b, 0.1 * a[0] + 0.7 * b[0]});
    }
  }
  expect_none(two_way_anova(cells, "technique", "network", SumsOfSquares::kTypeIII), "do not vary");
  expect_none(blocked_anova(blocks, "technique", "seed"), "do not explain");
}

TEST(CannotBeHad, missing_cells_are_named) {
  const std::vector<Observation> cells = {{"a", "x", 1}, {"a", "y", 2}, {"b", "x", 2}, {"a", "x", 5}};
  expect_none(two_way_anova(cells, "technique", "network", SumsOfSquares::kTypeII),
              "technique 'b' has no value for network 'y'");
  expect_none(blocked_anova(cells, "technique", "seed"), "technique 'b' has no value for seed 'y'");
  const std::vector<Observation> twice = {
      {"a", "x", 1}, {"a", "y", 2}, {"b", "x", 2}, {"b", "y", 3}, {"a", "x", 5}};
  expect_none(blocked_anova(twice, "technique", "seed"), "a and x have 2 values");
  expect_none(friedman(std::vector<Group>{{"a", {1, 2, 3}}, {"b", {1, 2}}}),
              "'b' has values for 2 data sets");
}

TEST(CannotBeHad, nothing_to_compare_and_no_numbers_are_named) {
  expect_none(one_way_anova(std::vector<Group>{kGroups[0]}, "technique"), "nothing to compare");
  expect_none(one_way_anova(std::vector<Group>{}, "technique"), "nothing to compare");
  expect_none(one_way_anova(std::vector<Group>{kGroups[0], kGroups[0]}, "technique"), "'a' is there twice");
  expect_none(one_way_anova(std::vector<Group>{kGroups[0], {"b", {}}}, "technique"), "'b' has no value");
  expect_none(one_way_anova(std::vector<Group>{kGroups[0], {"b", {1, NAN}}}, "technique"), "not finite");
  expect_none(shapiro_wilk(std::vector<double>{1, INFINITY, 2}), "not finite");
  expect_none(two_way_anova(std::vector<Observation>{{"a", "x", 1}, {"b", "x", 2}}, "technique", "network",
                            SumsOfSquares::kTypeII),
              "but one network");
  expect_none(friedman(std::vector<Group>{{"a", {1, 2}}, {"b", {1, 2}}}), "equal on every data set");
}

TEST(EffectSize, a_bootstrap_is_its_seed_s_and_holds_the_estimate) {
  const Group a{"a", {5.1, 4.9, 5.6, 5.3, 5.0, 5.4, 5.2, 4.8}};
  const Group b{"b", {4.6, 4.9, 4.5, 4.8, 5.0, 4.7, 4.4, 5.1}};
  const auto first = cohens_d(a, b, Random(7));
  const auto again = cohens_d(a, b, Random(7));
  const auto other = cohens_d(a, b, Random(8));
  EXPECT_EQ(first->bootstrap.low, again->bootstrap.low);
  EXPECT_NE(first->bootstrap.low, other->bootstrap.low);
  EXPECT_NEAR(first->bootstrap.low, other->bootstrap.low, 0.1);
  EXPECT_LT(first->bootstrap.low, first->d);
  EXPECT_GT(first->bootstrap.high, first->d);
  // A swap of the groups turns the sign, and the interval with it.
  const auto swapped = cohens_d(b, a, Random(7));
  EXPECT_EQ(swapped->d, -first->d);
  EXPECT_NEAR(swapped->exact.low, -first->exact.high, 1e-9);
}

TEST(EffectSize, a_bootstrap_of_two_values_ends) {
  const auto effect =
      cohens_d({"a", {1, 2}}, {"b", {3, 5}}, Random(1), {.confidence = 0.95, .resamples = 100});
  ASSERT_TRUE(effect) << effect.why();
  EXPECT_LT(effect->d, 0);
}

}  // namespace
}  // namespace thimble::statistics
