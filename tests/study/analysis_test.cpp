#include "study/analysis.h"

#include <gtest/gtest.h>

#include <map>

namespace thimble::study {
namespace {

using nlohmann::json;

constexpr const char* kDevice = "nano33ble";

Study study_of(const std::string& baseline) {
  Study study;
  study.name = "s";
  study.baseline = baseline;
  study.devices = {kDevice};
  return study;
}

Trial done(const std::string& technique, const std::string& network, uint64_t seed, double accuracy) {
  Trial trial;
  trial.key = {technique, network, "set", seed};
  trial.state = TrialState::kDone;
  trial.measurements = {{"accuracy", "", accuracy, ""}};
  return trial;
}

/// A trial a value, seeds from 1.
std::vector<Trial> trials_of(const std::map<std::string, std::vector<double>>& techniques) {
  std::vector<Trial> trials;
  for (const auto& [technique, values] : techniques) {
    for (size_t i = 0; i < values.size(); ++i) trials.push_back(done(technique, "net", i + 1, values[i]));
  }
  return trials;
}

/// R's PlantGrowth (Dobson 1983).
std::vector<Trial> plant_growth() {
  return trials_of({{"ctrl", {4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14}},
                    {"trt1", {4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69}},
                    {"trt2", {6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26}}});
}

void expect_sentence(const json& test, const std::string& part) {
  const std::string sentence = test.value("sentence", test.dump());
  EXPECT_NE(sentence.find(part), std::string::npos) << sentence << "\nlacks: " << part;
}

/// Differences, their intervals and p values as TukeyHSD of R 4.2 says them, of the second less the first.
void expect_pairs(const json& pairs, const std::string& method,
                  const std::map<std::pair<std::string, std::string>, std::vector<double>>& of_r) {
  EXPECT_EQ(pairs["method"], method);
  ASSERT_EQ(pairs["rows"].size(), of_r.size());
  for (const json& row : pairs["rows"]) {
    const auto& own = of_r.at({row["second"].get<std::string>(), row["first"].get<std::string>()});
    EXPECT_NEAR(row["difference"].get<double>(), -own[0], 1e-9);
    EXPECT_NEAR(row["low"].get<double>(), -own[2], 1e-4);
    EXPECT_NEAR(row["high"].get<double>(), -own[1], 1e-4);
    EXPECT_NEAR(row["p"].get<double>(), own[3], 1e-4);
  }
}

// The figures below are R 4.2's: aov, TukeyHSD, oneway.test, shapiro.test, t.test, and anova(lm()) of the
// distances to the medians for Levene's.
TEST(Analysis, tests_of_plant_growth_are_those_of_R) {
  const json document = analyse(study_of("ctrl"), plant_growth());
  ASSERT_EQ(document["tests"].size(), 1U);
  const json& tests = document["tests"][0];
  EXPECT_EQ(tests["network"], "net");
  const json& anova = tests["anova"]["rows"][0];
  EXPECT_EQ(anova["source"], "technique");
  EXPECT_NEAR(anova["f"].get<double>(), 4.846087862, 1e-8);
  EXPECT_NEAR(anova["p"].get<double>(), 0.01590995833, 1e-8);
  expect_sentence(tests["anova"],
                  "Accuracy differs with technique (F(2, 27) = 4.85, p = 0.0159), and accounts for 26 %");
  EXPECT_NEAR(tests["blocked"]["rows"][0]["p"].get<double>(), 0.046649, 1e-6);
  EXPECT_NEAR(tests["blocked"]["rows"][1]["p"].get<double>(), 0.977757, 1e-6);
  expect_sentence(tests["blocked"], "is not shown to differ with seed");
  EXPECT_NEAR(tests["welch"]["p"].get<double>(), 0.01739282, 1e-7);
  expect_sentence(tests["levene"], "are not shown to differ (Levene about medians, p = 0.3412)");
  EXPECT_NEAR(tests["shapiro_wilk"]["w"].get<double>(), 0.9657212360, 1e-8);
  expect_sentence(tests["shapiro_wilk"],
                  "of the ANOVA in blocks are not shown to be other than normal (Shapiro-Wilk, p = 0.4296");

  expect_pairs(tests["pairs"], "Tukey's HSD in blocks of a seed",
               {{{"trt1", "ctrl"}, {-0.371, -1.1906345964, 0.4486345964, 0.4939632154}},
                {{"trt2", "ctrl"}, {0.494, -0.3256345964, 1.3136345964, 0.2973521692}},
                {{"trt2", "trt1"}, {0.865, 0.0453654036, 1.6846345964, 0.0376663548}}});
  expect_sentence(tests["pairs"], "these differ: trt1 and trt2 (p = 0.0377).");

  const json& cell = document["cells"][0];
  EXPECT_EQ(cell["technique"], "ctrl");
  EXPECT_NEAR(cell["mean"].get<double>(), 5.032, 1e-9);
  EXPECT_NEAR(cell["deviation"].get<double>(), 0.5830913784, 1e-9);
  EXPECT_NEAR(cell["low"].get<double>(), 4.6148815557, 1e-8);
  EXPECT_NEAR(cell["high"].get<double>(), 5.4491184443, 1e-8);
  // (4.661 - 5.032) / sqrt((0.5830913784^2 + 0.7936756964^2) / 2)
  ASSERT_EQ(tests["effects"].size(), 2U);
  EXPECT_EQ(tests["effects"][0]["technique"], "trt1");
  EXPECT_NEAR(tests["effects"][0]["d"].get<double>(), -0.5327478386, 1e-9);
}

TEST(Analysis, pairs_are_without_blocks_where_techniques_have_other_seeds) {
  std::vector<Trial> trials = plant_growth();
  for (Trial& trial : trials) trial.key.seed += trial.key.technique == "ctrl" ? 1 : 0;
  const json document = analyse(study_of("ctrl"), trials);
  const json& tests = document["tests"][0];
  EXPECT_TRUE(tests["blocked"].contains("why"));
  EXPECT_NEAR(tests["shapiro_wilk"]["w"].get<double>(), 0.96606812, 1e-5);
  expect_sentence(tests["shapiro_wilk"],
                  "of the one-way ANOVA are not shown to be other than normal (Shapiro-Wilk, p = 0.437");
  expect_pairs(tests["pairs"], "Tukey's HSD",
               {{{"trt1", "ctrl"}, {-0.371, -1.0622160514, 0.3202160514, 0.3908711442}},
                {{"trt2", "ctrl"}, {0.494, -0.1972160514, 1.1852160514, 0.1979959913}},
                {{"trt2", "trt1"}, {0.865, 0.1737839486, 1.5562160514, 0.0120064240}}});
}

TEST(Analysis, where_variances_differ_pairs_are_of_Games_and_Howell) {
  const json document =
      analyse(study_of("even"), trials_of({{"even", {0.900, 0.901, 0.902, 0.899, 0.898, 0.900, 0.901, 0.899}},
                                           {"wild", {0.70, 0.99, 0.60, 0.95, 0.72, 0.98, 0.65, 0.97}}}));
  const json& tests = document["tests"][0];
  expect_sentence(tests["levene"], "rather believe Welch and Games-Howell");
  EXPECT_EQ(tests["pairs"]["method"], "Games-Howell");
}

TEST(Analysis, two_that_never_vary_leave_the_others_their_comparisons) {
  const json document =
      analyse(study_of("good"), trials_of({{"good", {0.980, 0.981, 0.982, 0.979, 0.983, 0.980, 0.981, 0.979}},
                                           {"lost", {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}},
                                           {"dead", {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}}}));
  const json& pairs = document["tests"][0]["pairs"];
  EXPECT_EQ(pairs["method"], "Games-Howell");
  ASSERT_EQ(pairs["rows"].size(), 2U);
  EXPECT_LT(pairs["rows"][0]["p"].get<double>(), 0.0001);
  expect_sentence(pairs, "neither varies with the seed are not compared");
}

TEST(Analysis, what_one_seed_cannot_show_says_why) {
  const json document = analyse(study_of("a"), trials_of({{"a", {0.9}}, {"b", {0.8}}}));
  for (const char* test : {"anova", "welch", "levene", "shapiro_wilk", "pairs"}) {
    EXPECT_TRUE(document["tests"][0][test].contains("why")) << test;
    EXPECT_FALSE(document["tests"][0][test].contains("sentence")) << test;
  }
  EXPECT_EQ(document["cells"][0]["mean"], 0.9);
  EXPECT_FALSE(document["cells"][0].contains("low"));
  EXPECT_EQ(document["across"]["friedman"]["why"], "cannot be had, because there is but one data set");
}

TEST(Analysis, counts_trials_and_uses_those_that_are_done) {
  std::vector<Trial> trials = trials_of({{"a", {0.9, 0.8}}, {"b", {0.7, 0.1, 0.2, 0.3}}});
  trials[3].state = TrialState::kFailed;
  trials[3].error = "no disk";
  trials[4].state = TrialState::kRunning;
  trials[5].state = TrialState::kPending;
  const json document = analyse(study_of("a"), trials);
  EXPECT_EQ(document["trials"]["done"], 3);
  EXPECT_EQ(document["trials"]["open"], 2);
  EXPECT_EQ(document["trials"]["failed"],
            json::array({{{"trial", "b, net, set, seed 2"}, {"error", "no disk"}}}));
  ASSERT_EQ(document["cells"].size(), 2U);
  EXPECT_EQ(document["cells"][1]["values"], json::array({0.7}));
  EXPECT_EQ(analyse(study_of("a"), {})["trials"]["done"], 0);
}

TEST(Analysis, a_figure_that_could_not_be_had_says_why_and_leaves_no_objective) {
  std::vector<Trial> trials = trials_of({{"base", {0.9}}, {"half", {0.8}}, {"lost", {0.9}}});
  for (Trial& trial : trials) {
    const double part = trial.key.technique == "half" ? 0.5 : 1;
    for (const char* metric : {"latency_ms", "energy_uj", "flash_bytes", "ram_bytes"}) {
      trial.measurements.push_back({metric, kDevice, 100 * part, "counted"});
    }
  }
  trials[2].measurements[1].value = std::nullopt;
  trials[2].measurements[1].note = "there is no emulator";
  const json document = analyse(study_of("base"), trials);
  std::map<std::string, json> objectives;
  for (const json& row : document["objective"]) objectives[row["technique"]] = row;
  EXPECT_NEAR(objectives["base"]["value"].get<double>(), 1, 1e-12);
  // A quarter each: twice the error, half the latency, size and energy.
  EXPECT_NEAR(objectives["half"]["value"].get<double>(), 0.25 * 2 + 0.75 * 0.5, 1e-12);
  EXPECT_TRUE(objectives["lost"]["value"].is_null());
  EXPECT_FALSE(objectives["lost"]["why"].get<std::string>().empty());
  for (const json& cell : document["cells"]) {
    if (cell["metric"] != "latency_ms") continue;
    if (cell["technique"] == "lost") {
      EXPECT_EQ(cell["why_missing"], "there is no emulator");
    } else {
      EXPECT_EQ(cell["basis"], "counted");
    }
  }
}

// R 4.2: friedman.test(rbind(c(.9, .8, .7), c(.6, .5, .4), c(.8, .7, .75))): chi-squared 4.6667, p 0.09697.
TEST(Analysis, ranks_come_from_places_that_have_every_technique) {
  std::vector<Trial> trials;
  const auto add = [&](const std::string& network, const std::vector<std::optional<double>>& accuracies) {
    for (size_t i = 0; i < accuracies.size(); ++i) {
      if (accuracies[i]) trials.push_back(done(std::string(1, "abc"[i]), network, 1, *accuracies[i]));
    }
  };
  add("no c", {0.1, 0.9, std::nullopt});
  add("1", {0.9, 0.8, 0.7});
  add("2", {0.6, 0.5, 0.4});
  add("no b", {0.1, std::nullopt, 0.9});
  add("no a", {std::nullopt, 0.9, 0.1});
  add("3", {0.8, 0.7, 0.75});
  const json friedman = analyse(study_of("a"), trials)["across"]["friedman"];
  EXPECT_NEAR(friedman["chi_squared"].get<double>(), 4.666666667, 1e-8);
  EXPECT_NEAR(friedman["p"].get<double>(), 0.09697196787, 1e-8);
  expect_sentence(friedman, "By ranks over 3 networks and data sets, techniques are not shown to differ");
}

}  // namespace
}  // namespace thimble::study
