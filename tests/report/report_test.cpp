#include <gtest/gtest.h>

#include "base/files.h"
#include "report/html_report.h"
#include "report/page.h"
#include "report/search_report.h"
#include "report/study_report.h"
#include "report/training_drawing.h"
#include "study/search.h"
#include "study/sqlite_storage.h"
#include "support/expect_error.h"

namespace thimble::report {
namespace {

using nlohmann::json;

testing::AssertionResult says(const std::string& html, const std::string& text) {
  if (html.find(text) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "does not say '" << text << "'";
}

/// A study of a technique "a" and one whose name tries to get out of the page and of the table.
constexpr const char* kName = R"(<script>"b", c)";
study::Study small_study() {
  return study::parse_study(R"(
name = "small"
seeds = [1, 2, 3]
devices = ["nano33ble"]
[[technique]]
name = "a"
stage = [{do = "train"}]
[[technique]]
name = '<script>"b", c'
stage = [{do = "train"}]
[[network]]
name = "net"
model = "zoo:mnist-cnn"
data = ["mnist"]
)",
                            "small.toml");
}

/// Ends every trial but the last, which fails.
void end_trials(study::Storage& storage) {
  while (const auto trial = storage.claim()) {
    if (trial->id == 6) {
      storage.fail(trial->id, "no <disk>");
      continue;
    }
    const double accuracy =
        (trial->key.technique == "a" ? 0.9 : 0.7) + 0.01 * static_cast<double>(trial->key.seed);
    storage.finish(trial->id, {{"accuracy", "", accuracy, ""}, {"latency_ms", "nano33ble", 3.5, "counted"}},
                   R"({"metrics": [], "profiles": {}})");
  }
}

TEST(StudyReport, shows_what_is_done_and_what_failed_and_no_text_gets_out_of_its_place) {
  const TemporaryFolder folder;
  const auto storage = study::open_sqlite(folder.path() / "s.db", true);
  storage->add(small_study(), "1");
  end_trials(*storage);
  const std::string html = study_html(*storage);
  EXPECT_TRUE(says(html, "no &lt;disk&gt;"));
  EXPECT_TRUE(says(html, escaped(kName)));
  EXPECT_FALSE(says(html, "<script>\""));
  EXPECT_TRUE(says(html, "One-way ANOVA"));
  const std::string csv = study_csv(*storage);
  EXPECT_TRUE(says(csv, R"(net,mnist,"<script>""b"", c",accuracy,,2,)"));
  EXPECT_EQ(json::parse(study_json(*storage))["trials"]["done"], 5);
}

TEST(StudyReport, passes_over_details_that_are_damaged) {
  const TemporaryFolder folder;
  const auto storage = study::open_sqlite(folder.path() / "s.db", true);
  storage->add(small_study(), "1");
  const std::string deep = std::string(500000, '[') + std::string(500000, ']');
  for (const std::string& details : {std::string("{"), R"({"profiles": )" + deep + "}"}) {
    const auto trial = storage->claim();
    storage->finish(trial->id, {{"accuracy", "", 0.5, ""}}, details);
  }
  EXPECT_TRUE(says(study_html(*storage), "2 trials are done"));
}

TEST(SearchReport, waits_for_the_network_that_all_are_measured_against) {
  const TemporaryFolder folder;
  const auto storage = study::open_sqlite(folder.path() / "s.db", true);
  study::SearchOptions options;
  options.model = "m.onnx";
  options.data = "mnist";
  options.device = "nano33ble";
  options.groups = {"conv"};
  options.layers = {"conv"};
  options.population = 3;
  bool is_over = false;
  const auto end_second = [&] {
    const auto first = storage->claim();
    const auto second = storage->claim();
    storage->finish(second->id, {{"accuracy", "", 0.6, ""},
                                 {"latency_ms", "nano33ble", 1, ""},
                                 {"ram_bytes", "nano33ble", 1, ""},
                                 {"flash_bytes", "nano33ble", 1, ""}});
    is_over = true;
  };
  study::search(
      *storage, options, "1", 3, [&] { return is_over; }, end_second);
  test::expect_error([&] { search_html(*storage); }, {"has not measured the whole network", "yet"});
}

TEST(TrainingDrawing, says_what_accuracies_were_measured_on) {
  const auto drawing = [](bool held_out) {
    json end = {{"stage", "train"}, {"test_accuracy", 0.75}, {"test_samples", 4}};
    if (held_out) end["held_out"] = true;
    return training_drawing({{{"stage", "train"}, {"epoch", 1}, {"loss", 2.0}, {"accuracy", 0.5}},
                             {{"stage", "train"}, {"epoch", 2}, {"loss", 1.0}, {"accuracy", 0.6}},
                             end});
  };
  EXPECT_TRUE(says(drawing(false), "on the test split after each stage: train 75.00 %"));
  EXPECT_TRUE(
      says(drawing(true), "on samples held out of the training data after each stage: train 75.00 %"));
  EXPECT_EQ(training_drawing({}), "");
}

TEST(HtmlReport, tells_held_out_samples_from_the_test_split) {
  const TemporaryFolder folder;
  json state = {
      {"identity", {{"name", "<b>run"}, {"recipe", "held_out = true"}}},
      {"stages",
       {{{"stage", "train"},
         {"results",
          {{"model", "1-train.onnx"}, {"test", {{"accuracy", 0.5}, {"samples", 4}}}, {"held_out", true}}}}}}};
  const auto html = [&] {
    write_file_atomically(folder.path() / "run.json", state.dump());
    return html_report(folder.path());
  };
  EXPECT_TRUE(says(html(), "accuracy, 4 held-out samples"));
  EXPECT_TRUE(says(html(), "&lt;b&gt;run"));
  state["stages"][0]["results"].erase("held_out");
  EXPECT_TRUE(says(html(), "accuracy, 4 test samples"));
}

TEST(HtmlReport, shows_where_a_run_comes_from) {
  const TemporaryFolder folder;
  const json state = {{"identity", {{"name", "run"}}},
                      {"command", "thimble optimize 'a&b.toml'"},
                      {"data_sha256", {{"training", "aa11"}, {"test", "bb22"}}},
                      {"stages", json::array()}};
  write_file_atomically(folder.path() / "run.json", state.dump());
  const std::string html = html_report(folder.path());
  for (const char* text : {"SHA-256 aa11", "SHA-256 bb22", "thimble optimize 'a&amp;b.toml'"})
    EXPECT_TRUE(says(html, text)) << text;
}

TEST(HtmlReport, shows_the_mixes_of_8_and_4_bits) {
  const TemporaryFolder folder;
  const auto mix = [](int bits, double accuracy) {
    return json{{"bits", {{"conv_0", bits}}},
                {"weights_bytes", 10 * bits},
                {"cycles", nullptr},
                {"accuracy", accuracy}};
  };
  const json mixed = {{"front", {mix(4, 0.5), mix(8, 0.75)}}, {"chosen", mix(4, 0.5)}};
  const json state = {
      {"identity", {{"name", "run"}}},
      {"stages", {{{"stage", "quantize"}, {"results", {{"quantization", {{"mixed", mixed}}}}}}}}};
  write_file_atomically(folder.path() / "run.json", state.dump());
  const std::string html = html_report(folder.path());
  EXPECT_TRUE(says(html, "8 and 4 bits by layer"));
  EXPECT_TRUE(says(html, "40 B of weights, 50.00 %\nconv_0: 4 bits"));
}

}  // namespace
}  // namespace thimble::report
