#include "pipeline/run_folder.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/files.h"
#include "support/expect_error.h"
#include "zoo/zoo.h"

namespace thimble::pipeline {
namespace {

using nlohmann::json;

const json kIdentity = {{"recipe", "text"}, {"seed", 1}};

TEST(RunFolder, remembers_finished_stages_and_their_results) {
  const TemporaryFolder folder;
  {
    RunFolder run(folder.path() / "run", kIdentity);
    EXPECT_FALSE(run.results("verify"));
    run.finish("verify", {{"samples", 3}});
  }
  const RunFolder again(folder.path() / "run", kIdentity);
  ASSERT_TRUE(again.results("verify"));
  EXPECT_EQ(again.results("verify")->at("samples"), 3);
}

TEST(RunFolder, a_stage_whose_model_is_gone_is_not_done_and_one_that_was_changed_is_an_error) {
  const TemporaryFolder folder;
  RunFolder run(folder.path(), kIdentity);
  run.keep_model(zoo::build("mnist-cnn", 1), "1-train.onnx");
  run.finish("train", {{"model", "1-train.onnx"}, {"sha256", run.sha256_of("1-train.onnx")}});
  EXPECT_TRUE(run.results("train"));
  { std::ofstream(folder.path() / "1-train.onnx", std::ios::app) << "x"; }
  test::expect_error([&] { run.results("train"); }, {"1-train.onnx", "Delete it"});
  std::filesystem::remove(folder.path() / "1-train.onnx");
  EXPECT_FALSE(run.results("train"));
}

TEST(RunFolder, refuses_a_folder_of_another_run_and_leaves_it_as_it_is) {
  const TemporaryFolder folder;
  { RunFolder run(folder.path(), kIdentity); }
  const std::string before = read_text(folder.path() / "run.json");
  test::expect_error(
      [&] {
        RunFolder(folder.path(), {{"recipe", "text"}, {"seed", 2}});
      },
      {"another seed", "-o"});
  EXPECT_EQ(read_text(folder.path() / "run.json"), before);
}

TEST(RunFolder, removes_what_a_kill_left_half_written_and_nothing_else) {
  const TemporaryFolder folder;
  const auto names = [&] {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      found.insert(entry.path().filename().string());
    return found;
  };
  const std::set<std::string> own = {".env.sample", ".bashrc.backup", ".run.json.bak", "1-train.onnx.abcdef"};
  for (const std::string& name : own) write_file_atomically(folder.path() / name, "the user's");
  for (const char* name :
       {".run.json.aB3xYz", ".metrics.jsonl.000000", ".2-quantize.onnx.abcdef", ".train.checkpoint.abcdef",
        ".prune.checkpoint.3.abcdef", ".report.html.abcdef", ".recipe.toml.abcdef"})
    write_file_atomically(folder.path() / name, "half");
  { const RunFolder run(folder.path(), kIdentity); }
  std::set<std::string> expected = own;
  expected.insert({".lock", "run.json"});
  EXPECT_EQ(names(), expected);

  write_file_atomically(folder.path() / ".run.json.abcdef", "half");
  test::expect_error([&] { RunFolder(folder.path(), {{"seed", 2}}); }, {"another seed"});
  EXPECT_TRUE(names().contains(".run.json.abcdef")) << "another run's folder was changed";
  { const RunFolder run(folder.path(), kIdentity); }
  EXPECT_EQ(names(), expected);
}

TEST(RunFolder, refuses_a_second_process_at_the_same_time) {
  const TemporaryFolder folder;
  const RunFolder run(folder.path(), kIdentity);
  test::expect_error([&] { RunFolder(folder.path(), kIdentity); }, {"in use"});
}

TEST(RunFolder, a_damaged_state_is_an_error_that_says_what_to_do) {
  const std::string too_deep = "{\"stages\": [], \"identity\": {\"a\": " + std::string(1000000, '[') +
                               std::string(1000000, ']') + "}}";
  for (const char* damage :
       {"", "{", "[]", "{\"identity\": 3, \"stages\": []}", "{\"identity\": {}, \"stages\": [3]}",
        "{\"identity\": {}, \"stages\": [], \"data_sha256\": 3}", too_deep.c_str()}) {
    const TemporaryFolder folder;
    write_file_atomically(folder.path() / "run.json", damage);
    test::expect_error([&] { RunFolder(folder.path(), kIdentity); },
                       {"run.json", "Move the run's folder away"});
    EXPECT_EQ(read_text(folder.path() / "run.json"), damage);
  }
}

TEST(RunFolder, a_measurement_made_again_replaces_its_line) {
  const TemporaryFolder folder;
  {
    RunFolder run(folder.path(), kIdentity);
    run.add_metrics({{"stage", "train"}, {"epoch", 1}, {"loss", 2.0}});
    run.add_metrics({{"stage", "train"}, {"epoch", 2}, {"loss", 1.0}});
  }
  RunFolder again(folder.path(), kIdentity);
  again.add_metrics({{"stage", "train"}, {"epoch", 2}, {"loss", 0.5}});
  const std::string text = read_text(folder.path() / "metrics.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_NE(text.find("\"loss\":0.5"), std::string::npos) << text;
}

}  // namespace
}  // namespace thimble::pipeline
