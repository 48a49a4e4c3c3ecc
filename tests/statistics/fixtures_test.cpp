// Every result beside R's: fixtures.json is what make_fixtures.R wrote.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "statistics/anova.h"
#include "statistics/assumptions.h"
#include "statistics/comparisons.h"
#include "statistics/effect_size.h"
#include "statistics/friedman.h"
#include "statistics/gaussian_process.h"
#include "statistics/studentized_range.h"

namespace thimble::statistics {
namespace {

using nlohmann::json;

constexpr double kEqual = 1e-8;
constexpr double kEqualQ = 1e-5;  // R's qtukey stops at 1e-4

const json& fixtures() {
  static const json document = json::parse(read_text(THIMBLE_SOURCE_DIR "/tests/statistics/fixtures.json"));
  return document;
}

/// Relative to the expected value, or to 1e-8 where that is smaller (R's own tails end there).
void expect_equal(double got, const json& expected, const std::string& what, double tolerance = kEqual,
                  double scale = 1e-8) {
  const double value = expected.get<double>();
  EXPECT_NEAR(got, value, tolerance * std::max(std::abs(value), scale)) << what;
}

std::vector<Group> groups_of(const json& fixture) {
  std::vector<Group> groups;
  for (const json& group : fixture["groups"]) {
    groups.push_back({group["name"].get<std::string>(), group["values"].get<std::vector<double>>()});
  }
  return groups;
}

std::vector<Observation> observations_of(const json& fixture) {
  std::vector<Observation> observations;
  for (size_t i = 0; i < fixture["values"].size(); ++i) {
    observations.push_back({fixture["a"][i].get<std::string>(), fixture["b"][i].get<std::string>(),
                            fixture["values"][i].get<double>()});
  }
  return observations;
}

void expect_row(const AnovaRow& row, const json& expected, const std::string& what) {
  expect_equal(row.sum_of_squares, expected["sum_of_squares"], what + " SS", kEqual, 0);
  expect_equal(row.df, expected["df"], what + " df");
  expect_equal(row.f, expected["f"], what + " F");
  expect_equal(row.p, expected["p"], what + " p");
  expect_equal(row.eta_squared, expected["eta_squared"], what + " eta^2");
  expect_equal(row.partial_eta_squared, expected["partial_eta_squared"], what + " partial eta^2");
  expect_equal(row.omega_squared, expected["omega_squared"], what + " omega^2", kEqual, 1e-2);
  expect_equal(row.partial_omega_squared, expected["partial_omega_squared"], what + " partial omega^2",
               kEqual, 1e-2);
}

void expect_pairs(const std::vector<Comparison>& pairs, const json& expected, const std::string& what) {
  ASSERT_EQ(pairs.size(), expected.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    const json& pair = expected[i];
    const std::string which = what + " " + pairs[i].first + " " + pairs[i].second;
    EXPECT_EQ(pairs[i].first, pair["first"]);
    EXPECT_EQ(pairs[i].second, pair["second"]);
    expect_equal(pairs[i].difference, pair["difference"], which + " difference");
    expect_equal(pairs[i].p, pair["p"], which + " p", 1e-7, 1);
    if (!pair.contains("low")) continue;
    const double width = pair["high"].get<double>() - pair["low"].get<double>();
    expect_equal(pairs[i].interval.low, pair["low"], which + " low", kEqualQ, width);
    expect_equal(pairs[i].interval.high, pair["high"], which + " high", kEqualQ, width);
  }
}

TEST(Statistics, one_factor_is_as_in_R) {
  for (const json& fixture : fixtures()["one_factor"]) {
    const std::string name = fixture["name"];
    const std::vector<Group> groups = groups_of(fixture);
    const auto table = one_way_anova(groups, "technique");
    ASSERT_TRUE(table) << table.why();
    expect_row(table->effects.at(0), fixture["one_way"], name);
    expect_equal(table->residual_sum_of_squares, fixture["residual_sum_of_squares"], name, kEqual, 0);
    expect_equal(table->residual_df, fixture["residual_df"], name);

    const auto welch = welch_anova(groups);
    ASSERT_TRUE(welch) << welch.why();
    expect_equal(welch->f, fixture["welch"]["f"], name + " Welch F");
    expect_equal(welch->df1, fixture["welch"]["df1"], name + " Welch df1");
    expect_equal(welch->df2, fixture["welch"]["df2"], name + " Welch df2");
    expect_equal(welch->p, fixture["welch"]["p"], name + " Welch p");

    const auto equal_variances = levene(groups);
    ASSERT_TRUE(equal_variances) << equal_variances.why();
    expect_equal(equal_variances->f, fixture["levene"]["f"], name + " Levene F");
    expect_equal(equal_variances->p, fixture["levene"]["p"], name + " Levene p");

    const auto normal = shapiro_wilk(table->residuals);
    ASSERT_TRUE(normal) << normal.why();
    expect_equal(normal->w, fixture["shapiro"]["w"], name + " W");
    expect_equal(normal->p, fixture["shapiro"]["p"], name + " Shapiro p");
  }
}

TEST(Statistics, pairs_are_as_in_R) {
  for (const json& fixture : fixtures()["one_factor"]) {
    const std::string name = fixture["name"];
    const std::vector<Group> groups = groups_of(fixture);
    const auto table = one_way_anova(groups, "technique");
    const auto tukey = tukey_hsd(groups, {table->residual_mean_square, table->residual_df});
    ASSERT_TRUE(tukey) << tukey.why();
    expect_pairs(*tukey, fixture["tukey"], name + " Tukey");
    // TukeyHSD takes the differences the other way round, and q from qtukey, which stops at 1e-4.
    for (size_t i = 0; i < tukey->size(); ++i) {
      const json& pair = fixture["tukey_hsd_of_r"][i];
      ASSERT_EQ(pair["pair"], (*tukey)[i].second + "-" + (*tukey)[i].first);
      const double width = pair["high"].get<double>() - pair["low"].get<double>();
      expect_equal(-(*tukey)[i].interval.high, pair["low"], name, kEqualQ, width);
      expect_equal(-(*tukey)[i].interval.low, pair["high"], name, kEqualQ, width);
    }
    const auto howell = games_howell(groups);
    ASSERT_TRUE(howell) << howell.why();
    expect_pairs(*howell, fixture["games_howell"], name + " Games-Howell");
  }
}

TEST(Statistics, two_factors_are_as_in_R) {
  for (const json& fixture : fixtures()["two_factor"]) {
    const std::string name = fixture["name"];
    const std::vector<Observation> observations = observations_of(fixture);
    for (const auto& [type, key] :
         {std::pair(SumsOfSquares::kTypeII, "type2"), std::pair(SumsOfSquares::kTypeIII, "type3")}) {
      const auto table = two_way_anova(observations, "technique", "network", type);
      ASSERT_TRUE(table) << table.why();
      ASSERT_EQ(table->effects.size(), 3U);
      EXPECT_EQ(table->effects[2].source, "technique x network");
      for (size_t i = 0; i < 3; ++i) expect_row(table->effects[i], fixture[key][i], name + " " + key);
      expect_equal(table->residual_sum_of_squares, fixture["residual_sum_of_squares"], name, kEqual, 0);
      expect_equal(table->residual_df, fixture["residual_df"], name);
    }
  }
}

TEST(Statistics, blocks_are_as_in_R) {
  for (const json& fixture : fixtures()["blocked"]) {
    const std::string name = fixture["name"];
    const std::vector<Observation> observations = observations_of(fixture);
    const auto table = blocked_anova(observations, "technique", "seed");
    ASSERT_TRUE(table) << table.why();
    for (size_t i = 0; i < 2; ++i) expect_row(table->effects.at(i), fixture["rows"][i], name);
    expect_equal(table->residual_sum_of_squares, fixture["residual_sum_of_squares"], name, kEqual, 0);
    expect_equal(table->residual_df, fixture["residual_df"], name);
    std::vector<Group> groups;
    for (const Observation& observation : observations) {
      auto group =
          std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.name == observation.a; });
      if (group == groups.end()) group = groups.insert(group, {observation.a, {}});
      group->values.push_back(observation.value);
    }
    const auto tukey = tukey_hsd(groups, {table->residual_mean_square, table->residual_df});
    ASSERT_TRUE(tukey) << tukey.why();
    expect_pairs(*tukey, fixture["tukey"], name);
  }
}

TEST(Statistics, ranks_across_data_sets_are_as_in_R) {
  for (const json& fixture : fixtures()["friedman"]) {
    const std::string name = fixture["name"];
    const auto result = friedman(groups_of(fixture));
    ASSERT_TRUE(result) << result.why();
    expect_equal(result->chi_squared, fixture["chi_squared"], name);
    expect_equal(result->df, fixture["df"], name);
    expect_equal(result->p, fixture["p"], name);
    for (size_t i = 0; i < result->mean_ranks.size(); ++i) {
      expect_equal(result->mean_ranks[i], fixture["mean_ranks"][i], name + " rank");
    }
    expect_equal(result->critical_difference, fixture["critical_difference"], name + " critical difference");
    expect_pairs(result->pairs, fixture["nemenyi"], name + " Nemenyi");
  }
}

TEST(Statistics, shapiro_wilk_is_as_in_R) {
  for (const json& fixture : fixtures()["shapiro"]) {
    const auto values = fixture["values"].get<std::vector<double>>();
    const std::string name = std::to_string(values.size()) + " values";
    const auto result = shapiro_wilk(values);
    ASSERT_TRUE(result) << result.why();
    expect_equal(result->w, fixture["w"], name + " W");
    expect_equal(result->p, fixture["p"], name + " p");
  }
}

double df_of(const json& fixture) {
  return fixture["df"].is_null() ? std::numeric_limits<double>::infinity() : fixture["df"].get<double>();
}

TEST(Statistics, means_that_differ_by_their_rounding_alone_are_ties) {
  const double one = 227.0 / 240;
  const double other = std::nextafter(one, 1);
  const auto result = friedman(std::vector<Group>{{"a", {one, 0.5}}, {"b", {other, 0.6}}, {"c", {0.1, 0.2}}});
  ASSERT_TRUE(result) << result.why();
  EXPECT_DOUBLE_EQ(result->mean_ranks[0], (2.5 + 2) / 2);
  EXPECT_DOUBLE_EQ(result->mean_ranks[1], (2.5 + 3) / 2);
}

TEST(Statistics, the_studentized_range_is_as_in_R) {
  for (const json& fixture : fixtures()["studentized_range"]) {
    const double upper =
        studentized_range_upper(fixture["q"].get<double>(), fixture["groups"].get<double>(), df_of(fixture));
    EXPECT_NEAR(upper, fixture["upper"].get<double>(), 1e-7) << fixture;
  }
  for (const json& fixture : fixtures()["studentized_range_exact"]) {
    const double upper =
        studentized_range_upper(fixture["q"].get<double>(), fixture["groups"].get<double>(), df_of(fixture));
    expect_equal(upper, fixture["upper"], fixture.dump(), 1e-10, 1e-6);
  }
  for (const json& fixture : fixtures()["studentized_range_quantile"]) {
    const double p = fixture["p"].get<double>();
    const double groups = fixture["groups"].get<double>();
    const double q = studentized_range_quantile_upper(p, groups, df_of(fixture));
    EXPECT_NEAR(studentized_range_upper(q, groups, df_of(fixture)), p, 1e-12 * p) << fixture;
    expect_equal(q, fixture["q"], fixture.dump(), kEqualQ);
    expect_equal(q, fixture["qtukey"], fixture.dump(), kEqualQ);
  }
}

TEST(Statistics, the_studentized_range_of_two_groups_is_the_t_distribution) {
  // Q = sqrt(2) |T|, and for one degree of freedom T is Cauchy's: exact far into the tail.
  for (const double q : {0.1, 1.0, 10.0, 1e3, 1e6}) {
    const double exact = 2 / 3.14159265358979323846 * std::atan(std::sqrt(2.0) / q);
    EXPECT_NEAR(studentized_range_upper(q, 2, 1), exact, 1e-11 * exact) << q;
  }
  // With a known variance: Q / sqrt(2) is the absolute value of a standard normal variable.
  for (const double q : {0.1, 1.0, 5.0, 12.0}) {
    const double exact = std::erfc(q / 2);
    EXPECT_NEAR(studentized_range_upper(q, 2, std::numeric_limits<double>::infinity()), exact, 1e-11 * exact)
        << q;
  }
}

TEST(Statistics, holm_is_as_in_R) {
  for (const json& fixture : fixtures()["holm"]) {
    const auto adjusted = holm(fixture["p"].get<std::vector<double>>());
    for (size_t i = 0; i < adjusted.size(); ++i)
      expect_equal(adjusted[i], fixture["adjusted"][i], fixture.dump());
  }
}

TEST(Statistics, a_gaussian_process_is_as_in_R) {
  for (const json& fixture : fixtures()["gaussian_process"]) {
    const auto points = fixture["points"].get<std::vector<Point>>();
    const auto values = fixture["values"].get<std::vector<double>>();
    const GaussianProcess process(points, values,
                                  {.linear = fixture["linear"].get<double>(),
                                   .smooth = fixture["smooth"].get<double>(),
                                   .length = fixture["length"].get<double>(),
                                   .noise = fixture["noise"].get<double>()});
    expect_equal(process.log_likelihood(), fixture["log_likelihood"], fixture.dump());
    for (size_t i = 0; i < fixture["at"].size(); ++i) {
      const Prediction prediction = process.predict(fixture["at"][i].get<Point>());
      expect_equal(prediction.mean, fixture["mean"][i], fixture.dump());
      expect_equal(prediction.deviation, fixture["deviation"][i], fixture.dump());
    }
    EXPECT_GE(GaussianProcess::fit(points, values).log_likelihood(), process.log_likelihood())
        << "these covariances are on the grid";
  }
}

TEST(Statistics, a_gaussian_process_of_values_that_are_all_alike_expects_them) {
  const std::vector<double> values = {3, 3, 3};
  EXPECT_DOUBLE_EQ(GaussianProcess::fit({{0}, {1}, {1}}, values).predict({0.5}).mean, 3);
}

TEST(Statistics, a_bootstrap_of_cohens_d_nears_the_percentiles_of_all_resamples) {
  for (const json& fixture : fixtures()["bootstrap"]) {
    const Group a{"a", fixture["a"].get<std::vector<double>>()};
    const Group b{"b", fixture["b"].get<std::vector<double>>()};
    const auto effect = cohens_d(a, b, Random(1), {.confidence = 0.95, .resamples = 400000});
    ASSERT_TRUE(effect) << effect.why();
    const double low = fixture["low"];
    const double high = fixture["high"];
    EXPECT_NEAR(effect->bootstrap.low, low, 0.01 * (high - low));
    EXPECT_NEAR(effect->bootstrap.high, high, 0.01 * (high - low));
  }
}

TEST(Statistics, cohens_d_and_its_exact_interval_are_as_in_R) {
  for (const json& fixture : fixtures()["one_factor"]) {
    const std::vector<Group> groups = groups_of(fixture);
    const auto effect = cohens_d(groups[0], groups[1], Random(1), {.confidence = 0.95, .resamples = 200});
    ASSERT_TRUE(effect) << effect.why();
    const std::string name = fixture["name"];
    expect_equal(effect->d, fixture["cohens_d"]["d"], name);
    if (!fixture["cohens_d"].contains("low")) continue;
    expect_equal(effect->exact.low, fixture["cohens_d"]["low"], name + " low", kEqual, 1);
    expect_equal(effect->exact.high, fixture["cohens_d"]["high"], name + " high", kEqual, 1);
  }
}

}  // namespace
}  // namespace thimble::statistics
