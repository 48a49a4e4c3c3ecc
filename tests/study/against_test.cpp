#include <gtest/gtest.h>

#include "study/analysis.h"

namespace thimble::study {
namespace {

using nlohmann::json;

Study small_study() {
  Study study;
  study.name = "s";
  study.baseline = "whole";
  study.devices = {"nano33ble"};
  return study;
}

/// A trial whose network has `accuracy` and costs `cost` in everything.
Trial done(const std::string& technique, uint64_t seed, double accuracy, double cost) {
  Trial trial;
  trial.key = {technique, "net", "set", seed};
  trial.state = TrialState::kDone;
  trial.measurements = {{"accuracy", "", accuracy, ""}};
  for (const char* metric : {"latency_ms", "energy_uj", "ram_bytes", "flash_bytes", "weights_bytes"}) {
    trial.measurements.push_back({metric, "nano33ble", cost, "counted"});
  }
  return trial;
}

std::vector<Trial> trials() {
  return {done("whole", 1, 0.90, 100), done("whole", 2, 0.92, 200), done("half", 1, 0.90, 50),
          done("half", 2, 0.92, 120),  done("tiny", 1, 0.50, 1),    done("tiny", 2, 0.52, 1)};
}

TEST(Analysis, each_figure_is_compared_with_the_baseline_of_its_own_seed) {
  const json document = analyse(small_study(), trials());
  ASSERT_EQ(document["against"].size(), 3U);
  const json& half = document["against"][1];
  EXPECT_EQ(half["technique"], "half");
  EXPECT_EQ(half["seeds"], 2);
  EXPECT_DOUBLE_EQ(half["accuracy"].get<double>(), 1);
  EXPECT_DOUBLE_EQ(half["latency_ms"].get<double>(), (50.0 / 100 + 120.0 / 200) / 2);
}

TEST(Analysis, a_seed_whose_baseline_is_not_done_is_not_compared) {
  std::vector<Trial> some = trials();
  some[1].state = TrialState::kFailed;
  const json document = analyse(small_study(), some);
  EXPECT_EQ(document["against"][1]["seeds"], 1);
  EXPECT_DOUBLE_EQ(document["against"][1]["latency_ms"].get<double>(), 0.5);
}

TEST(Analysis, a_baseline_without_an_accuracy_has_no_front) {
  std::vector<Trial> some = trials();
  some[0].measurements[0].value = some[1].measurements[0].value = std::nullopt;
  const json document = analyse(small_study(), some);
  EXPECT_TRUE(document["fronts"].empty()) << document["fronts"];
  EXPECT_FALSE(analyse(small_study(), trials())["fronts"].empty());
}

TEST(Analysis, advice_takes_the_cheapest_of_those_that_are_not_shown_to_be_less_accurate) {
  const json advice = analyse(small_study(), trials())["advice"][0];
  EXPECT_EQ(advice["technique"], "half");
  const std::string sentence = advice["sentence"];
  EXPECT_NE(sentence.find("Shown to be less accurate: tiny."), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("latency -45.0 %"), std::string::npos) << sentence;
}

TEST(Analysis, one_seed_gives_no_advice_but_the_reason) {
  const json advice =
      analyse(small_study(), {done("whole", 1, 0.9, 2), done("half", 1, 0.9, 1)})["advice"][0];
  EXPECT_TRUE(advice.contains("why"));
  EXPECT_FALSE(advice.contains("sentence"));
}

TEST(Analysis, no_advice_says_whether_figures_are_missing_or_limits_are_broken) {
  const auto why = [](const Study& study, const std::vector<Trial>& of) {
    return analyse(study, of)["advice"][0].value("why", "advice is given");
  };
  Study limited = small_study();
  limited.budget.ram_bytes = 0;
  EXPECT_NE(why(limited, trials()).find("no technique keeps the budget on nano33ble"), std::string::npos);
  limited.budget.ram_bytes = 2;
  EXPECT_NE(why(limited, trials()).find("that keeps the budget on nano33ble is shown to be less accurate"),
            std::string::npos);
  std::vector<Trial> bare = trials();
  for (Trial& trial : bare) trial.measurements.resize(1);
  EXPECT_NE(why(small_study(), bare).find("has all figures of J"), std::string::npos);
}

TEST(Analysis, a_front_has_the_volume_that_it_dominates) {
  // Errors 0.09 (whole and half) and 0.49: tiny's is beyond twice the baseline's and adds nothing.
  const json front = analyse(small_study(), trials())["fronts"][0];
  EXPECT_EQ(front["front"], json::array({"half", "tiny"}));
  EXPECT_NEAR(front["hypervolume"].get<double>(), (2 - 1) * 0.45 * 0.45 / 2, 1e-12);
}

}  // namespace
}  // namespace thimble::study
