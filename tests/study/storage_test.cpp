#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include <sqlite3.h>

#include "base/files.h"
#include "base/random.h"
#include "study/run_study.h"
#include "study/sqlite_storage.h"
#include "support/expect_error.h"

namespace thimble::study {
namespace {

constexpr const char* kStudy = R"(
name = "s"
devices = ["nano33ble"]
seeds = [1, 2, 3, 4, 5]
[[technique]]
name = "float"
[[technique.stage]]
do = "train"
[[technique]]
name = "int8"
[[technique.stage]]
do = "train"
[[technique.stage]]
do = "quantize"
[[network]]
name = "mnist-cnn"
model = "zoo:mnist-cnn"
data = ["mnist", "mine"]
train = {epochs = 2}
)";

Study small_study() { return parse_study(kStudy, "s.toml"); }

/// Figures that depend on the trial alone; a line in LOG for each time it is carried out to its end.
std::vector<Measurement> stub(const Trial& trial, const std::filesystem::path& log, int sleep_ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(sleep_ms));
  std::ofstream(log, std::ios::app) << trial.id << "\n" << std::flush;
  return {{"accuracy", "", Random(trial.key.seed).fork(static_cast<uint64_t>(trial.id)).uniform(), ""},
          {"latency_ms", "nano33ble", std::nullopt, "there is no emulator"}};
}

/// A process that works on the study; returns its id.
template <typename Work>
pid_t fork_worker(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      work();
      ::_exit(0);
    } catch (...) {
      ::_exit(1);
    }
  }
  return child;
}

std::map<int64_t, int> lines_of(const std::filesystem::path& log) {
  std::map<int64_t, int> counts;
  std::ifstream in(log);
  for (int64_t id = 0; in >> id;) ++counts[id];
  return counts;
}

std::string results_of(const std::filesystem::path& path) {
  std::string text;
  for (const Trial& trial : open_sqlite(path, false)->trials()) {
    text += to_string(trial.key) + (trial.state == TrialState::kDone ? " done" : " not done");
    for (const Measurement& m : trial.measurements) {
      text += " " + m.metric + " " + m.device + " " + (m.value ? std::to_string(*m.value) : m.note);
    }
    text += "\n";
  }
  return text;
}

TEST(Study, crosses_techniques_networks_data_and_seeds) {
  const Study study = small_study();
  ASSERT_EQ(study.trials.size(), 20U);
  EXPECT_EQ(study.baseline, "float");
  EXPECT_EQ(to_string(study.trials[0].key), "float, mnist-cnn, mnist, seed 1");
  const pipeline::Recipe recipe = pipeline::parse_recipe(study.trials[19].recipe, "r");
  EXPECT_EQ(recipe.seed, 5U);
  EXPECT_EQ(recipe.data, "mine");
  ASSERT_EQ(recipe.stages.size(), 2U);
  const auto& train = std::get<pipeline::TrainStage>(recipe.stages[0]);
  EXPECT_EQ(train.options.epochs, 2);  // the network's setting
  EXPECT_EQ(train.options.seed, 5U);
}

TEST(Study, a_network_has_seeds_and_settings_of_its_own_and_those_of_one_technique_win) {
  const Study study = parse_study(std::string(kStudy) + R"(
[[network]]
name = "other"
model = "zoo:mnist-cnn"
data = ["mnist"]
seeds = [2, 9]
train = {epochs = 4, batch_size = 16}
technique = {int8 = {train = {epochs = 6}}, slow = {train = {learning_rate = 0.2}}}
[[technique]]
name = "slow"
stage = [{do = "train", epochs = 8, learning_rate = 0.3}]
)",
                                  "s.toml");
  ASSERT_EQ(study.trials.size(), 36U);
  const auto train_of = [&](const TrialKey& key) {
    const auto trial = std::find_if(study.trials.begin(), study.trials.end(),
                                    [&](const PlannedTrial& t) { return t.key == key; });
    EXPECT_NE(trial, study.trials.end()) << to_string(key);
    const pipeline::Recipe recipe = pipeline::parse_recipe(trial->recipe, "r");
    return std::get<pipeline::TrainStage>(recipe.stages[0]).options;
  };
  EXPECT_EQ(train_of({"float", "other", "mnist", 9}).epochs, 4);
  EXPECT_EQ(train_of({"int8", "other", "mnist", 9}).epochs, 6);
  EXPECT_EQ(train_of({"int8", "other", "mnist", 2}).batch_size, 16);
  EXPECT_EQ(train_of({"int8", "mnist-cnn", "mnist", 1}).epochs, 2);
  // What a technique says comes before what a network says, and what the network says of this technique
  // before both.
  EXPECT_EQ(train_of({"slow", "other", "mnist", 2}).epochs, 8);
  EXPECT_EQ(train_of({"slow", "other", "mnist", 2}).learning_rate, 0.2);
  EXPECT_EQ(train_of({"slow", "mnist-cnn", "mnist", 1}).learning_rate, 0.3);
}

TEST(Study, names_with_any_character_reach_the_recipes) {
  std::string text = kStudy;
  text.replace(text.find("\"s\""), 3, R"("a \"b\" \\ \t\n\u0007 \u00e9")");
  const Study study = parse_study(text, "s.toml");
  EXPECT_EQ(pipeline::parse_recipe(study.trials[0].recipe, "r").name, "a \"b\" \\ \t\n\a \u00e9-float");
}

TEST(Study, what_is_wrong_is_an_error_that_names_it) {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = kStudy;
    text.replace(text.find(from), from.size(), to);
    return [text] { parse_study(text, "s.toml"); };
  };
  test::expect_error(with("3, 4", "3, 3"), {"s.toml:4", "3 twice"});
  test::expect_error(with("\"int8\"", "\"float\""), "float twice");
  test::expect_error(with("seeds", "sedes"), "'seeds' is missing");
  test::expect_error(with("epochs = 2", "epochs = 0"), {"float, mnist-cnn, mnist, seed 1", "'epochs'"});
  test::expect_error(with("train = {", "prune = {"), "'prune' is not known");
  test::expect_error(with("train = {", "technique = {float = {train = {}}, int9 = {}}\ntrain = {"),
                     "'int9' is not known");
  // Nor can a network say something of a stage that this technique lacks.
  test::expect_error(with("train = {", "technique = {float = {quantize = {}}}\ntrain = {"),
                     "'quantize' is not known");
  test::expect_error(with("seeds", "published = {source = \"x\", results = [{technique = \"8bit\"}]}\nseeds"),
                     "is 8bit, which is no technique");
  test::expect_error(with("do = \"quantize\"", "do = \"squeeze\""), "squeeze");
  test::expect_error(with("epochs = 2", "do = \"prune\""), {"'do'", "a technique's"});
  test::expect_error(with("name = \"s\"", "name = \"s\"\nbaseline = \"none\""), "names no technique");
  test::expect_error(with("\"mine\"", "\"mnist\""), "mnist twice");
}

TEST(Study, more_trials_than_a_study_can_have_are_counted_before_they_are_made) {
  std::string seeds;
  for (int seed = 0; seed < 50000; ++seed) seeds += std::to_string(seed) + ", ";
  std::string text = kStudy;
  text.replace(text.find("1, 2, 3, 4, 5"), 13, seeds);
  test::expect_error([&] { parse_study(text, "s.toml"); }, "asks for 200000 trials");
}

TEST(Storage, failed_trials_of_one_network_alone_can_be_done_again) {
  const TemporaryFolder folder;
  const auto storage = open_sqlite(folder.path() / "s.db", true);
  std::string text = kStudy;
  text += "[[network]]\nname = \"other\"\nmodel = \"zoo:lenet\"\ndata = [\"mnist\"]\n";
  storage->add(parse_study(text, "s.toml"), "1");
  run_study(*storage,
            [](const Trial&) -> TrialOutcome { throw Error("data", "are not there", "Fetch them"); });
  storage->retry_failed("other");
  for (const Trial& trial : storage->trials()) {
    const bool again = trial.key.network == "other";
    EXPECT_EQ(trial.state, again ? TrialState::kPending : TrialState::kFailed);
    EXPECT_EQ(trial.error.empty(), again);
  }
}

TEST(Storage, a_failed_trial_is_kept_with_its_error_and_done_again_on_demand) {
  const TemporaryFolder folder;
  const auto storage = open_sqlite(folder.path() / "s.db", true);
  storage->add(small_study(), "1");
  bool broken = true;
  const RunTrial run = [&](const Trial& trial) {
    if (broken && trial.id == 3) throw Error("data", "are not there", "Fetch them");
    return stub(trial, folder.path() / "log", 0);
  };
  run_study(*storage, run);
  EXPECT_EQ(storage->trials()[2].state, TrialState::kFailed);
  EXPECT_EQ(storage->trials()[2].error, "data: are not there. Fetch them.");
  EXPECT_EQ(storage->trials()[3].state, TrialState::kDone);
  run_study(*storage, run);
  EXPECT_EQ(storage->trials()[2].state, TrialState::kFailed);
  broken = false;
  storage->retry_failed();
  run_study(*storage, run);
  EXPECT_EQ(storage->trials()[2].state, TrialState::kDone);
  EXPECT_EQ(storage->trials()[2].error, "");
}

TEST(Storage, takes_more_seeds_and_no_other_study) {
  const TemporaryFolder folder;
  const auto storage = open_sqlite(folder.path() / "s.db", true);
  storage->add(small_study(), "1");
  run_study(*storage, [&](const Trial& trial) { return stub(trial, folder.path() / "log", 0); });
  std::string more = kStudy;
  more.replace(more.find("5]"), 2, "5, 6]");
  storage->add(parse_study(more, "s.toml"), "1");
  EXPECT_EQ(storage->trials().size(), 24U);
  EXPECT_EQ(storage->trials()[0].state, TrialState::kDone);
  test::expect_error([&] { storage->add(small_study(), "1"); },
                     "does not list (float, mnist-cnn, mnist, seed 6)");
  std::string other = more;
  other.replace(other.find("epochs = 2"), 10, "epochs = 3");
  test::expect_error([&] { storage->add(parse_study(other, "s.toml"), "1"); }, "another recipe");
  test::expect_error([&] { storage->add(parse_study(more, "s.toml"), "2"); }, "made by Thimble 1");
}

TEST(Storage, takes_no_study_whose_inputs_have_changed) {
  const TemporaryFolder folder;
  const auto storage = open_sqlite(folder.path() / "s.db", true);
  Study study = small_study();
  study.inputs = {{"model my net.onnx", "01"}, {"test data own.csv", "02"}};
  study.command = "thimble study s.toml -o s.db";
  storage->add(study, "1");
  study.command = "thimble study s.toml -o s.db --retry";
  EXPECT_EQ(storage->inputs(), study.inputs);
  // A worker looks at none; what is new is taken in beside what is known.
  storage->add(small_study(), "1");
  study.inputs = {{"device nano33ble", "03"}, {"test data own.csv", "02"}};
  storage->add(study, "1");
  study.inputs = {{"model my net.onnx", "04"}};
  test::expect_error([&] { storage->add(study, "1"); }, "another model my net.onnx");
  study.inputs = {{"device nano33ble", "04"}};
  test::expect_error([&] { storage->add(study, "1"); }, "another device nano33ble");
  EXPECT_EQ(storage->inputs().size(), 3U);
  EXPECT_EQ(storage->command(), "thimble study s.toml -o s.db");
}

TEST(Storage, claims_first_what_begins_unlike_all_that_others_are_at) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s.db";
  const auto first = open_sqlite(path, true);
  first->add(small_study(), "1");
  const auto second = open_sqlite(path, true);
  EXPECT_EQ(to_string(first->claim()->key), "float, mnist-cnn, mnist, seed 1");
  EXPECT_EQ(to_string(second->claim()->key), "float, mnist-cnn, mine, seed 1");
  EXPECT_EQ(to_string(second->claim("mnist-cnn")->key), "float, mnist-cnn, mnist, seed 2");
  EXPECT_FALSE(second->claim("another"));
  first->finish(1, {});
  EXPECT_EQ(to_string(first->claim()->key), "int8, mnist-cnn, mnist, seed 1");
}

TEST(Storage, files_that_are_no_study_are_refused_and_left_alone) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s.db";
  test::expect_error([&] { open_sqlite(path, false); }, "is not there");
  const std::string text(4096, 'x');
  write_file_atomically(path, text);
  test::expect_error([&] { open_sqlite(path, true); }, "no study");
  EXPECT_EQ(read_text(path), text);
}

/// Carries out SQL on a file by SQLite itself.
void execute(const std::filesystem::path& path, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql;
  sqlite3_close(database);
}

TEST(Storage, a_reader_changes_nothing_and_waits_for_nobody) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s.db";
  open_sqlite(path, true)->add(small_study(), "1");
  sqlite3* writer = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &writer), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(writer, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto reader = open_sqlite(path, false);
  EXPECT_EQ(reader->trials().size(), 20U);
  sqlite3_close(writer);
  test::expect_error([&] { reader->retry_failed(); }, "cannot be used");

  const auto empty = folder.path() / "empty.db";
  write_file_atomically(empty, std::string_view());
  test::expect_error([&] { open_sqlite(empty, false); }, "no study");
  EXPECT_EQ(std::filesystem::file_size(empty), 0U);
}

TEST(Storage, a_damaged_study_is_an_error) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s.db";
  open_sqlite(path, true)->add(small_study(), "1");
  execute(path, "UPDATE trial SET state = 'dome' WHERE id = 3");
  test::expect_error([&] { open_sqlite(path, false)->trials(); }, {"damaged", "trial 3", "\"dome\""});
  test::expect_error([&] { open_sqlite(path, true)->add(small_study(), "1"); }, "\"dome\"");
  execute(path,
          "UPDATE trial SET state = 'done' WHERE id = 3; "
          "INSERT INTO measurement VALUES (99, 'accuracy', '', 0.5, '')");
  test::expect_error([&] { open_sqlite(path, false)->trials(); }, {"damaged", "a trial 99"});
  for (const char* value : {"'abc'", "x'00'", "9e999"}) {
    execute(path,
            std::string("DELETE FROM measurement; INSERT INTO measurement VALUES (3, 'accuracy', '', ") +
                value + ", '')");
    test::expect_error([&] { open_sqlite(path, false)->trials(); }, {"damaged", "no figure"});
  }
}

TEST(Storage, a_process_that_cannot_be_one_is_damage_and_no_file_to_remove) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s.db";
  open_sqlite(path, true)->add(small_study(), "1");
  const auto precious = folder.path() / "precious.txt";
  write_file_atomically(precious, std::string_view("not ours"));
  for (const std::string& worker : {"'" + precious.string() + "'", std::string("'../precious.txt'"),
                                    std::string("NULL"), std::string("''")}) {
    execute(path, "UPDATE trial SET state = 'running', worker = " + worker + " WHERE id = 1");
    test::expect_error([&] { open_sqlite(path, true)->claim(); }, {"damaged", "running trial"});
    EXPECT_TRUE(std::filesystem::exists(precious)) << worker;
  }
}

TEST(Storage, a_claim_of_a_dead_process_with_the_same_number_is_taken_up) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s.db";
  open_sqlite(path, true)->add(small_study(), "1");
  // What a process leaves that died between claiming and making sure of its lock's file.
  execute(path,
          "UPDATE trial SET state = 'running', worker = '" + std::to_string(::getpid()) + "-0' WHERE id = 1");
  EXPECT_EQ(open_sqlite(path, true)->claim().value().id, 1);
}

TEST(Storage, a_path_spelt_otherwise_has_the_same_workers) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "a");
  std::filesystem::create_directory_symlink("a", folder.path() / "b");
  const auto path = folder.path() / "a" / "s.db";
  open_sqlite(path, true)->add(small_study(), "1");
  std::filesystem::create_symlink("a/s.db", folder.path() / "link.db");
  const auto first = open_sqlite(path, true);
  EXPECT_EQ(first->claim().value().id, 1);
  for (const auto* spelling : {"b/s.db", "link.db", "a/../b/./s.db"}) {
    // Would take the trial of the first, whom it believes dead, if it looked for its lock elsewhere.
    EXPECT_NE(open_sqlite(folder.path() / spelling, true)->claim().value().id, 1) << spelling;
    EXPECT_EQ(folder_beside(folder.path() / spelling, ".runs"),
              std::filesystem::canonical(folder.path() / "a") / "s.db.runs");
  }
}

TEST(Storage, processes_on_one_file_never_do_a_trial_twice) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "s.db";
  open_sqlite(path, true)->add(small_study(), "1");
  std::vector<pid_t> workers;
  for (int i = 0; i < 4; ++i) {
    workers.push_back(fork_worker([&] {
      run_study(*open_sqlite(path, true),
                [&](const Trial& trial) { return stub(trial, folder.path() / "log", 2); });
    }));
  }
  for (const pid_t worker : workers) {
    int status = 0;
    ::waitpid(worker, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const auto counts = lines_of(folder.path() / "log");
  EXPECT_EQ(counts.size(), 20U);
  for (const auto& [id, count] : counts) EXPECT_EQ(count, 1) << id;
}

TEST(Storage, a_study_that_is_killed_again_and_again_ends_with_the_same_results) {
  const TemporaryFolder folder;
  const auto whole = folder.path() / "whole.db";
  const auto pieces = folder.path() / "pieces.db";
  for (const auto& path : {whole, pieces}) open_sqlite(path, true)->add(small_study(), "1");
  const auto work = [&](const std::filesystem::path& path, int sleep_ms) {
    run_study(*open_sqlite(path, true),
              [&](const Trial& trial) { return stub(trial, path.string() + ".log", sleep_ms); });
  };
  work(whole, 0);

  Random random(9);
  const int kills = std::getenv("THIMBLE_FULL_TESTS") != nullptr ? 20 : 6;
  for (int i = 0; i < kills; ++i) {
    const pid_t first = fork_worker([&] { work(pieces, 10); });
    const pid_t second = fork_worker([&] { work(pieces, 10); });
    std::this_thread::sleep_for(std::chrono::microseconds(random.between(1000, 40000)));
    ::kill(first, SIGKILL);
    ::kill(second, SIGKILL);
    ::waitpid(first, nullptr, 0);
    ::waitpid(second, nullptr, 0);
    // What was claimed at the kill is pending or done, never lost.
    EXPECT_EQ(open_sqlite(pieces, false)->trials().size(), 20U);
  }
  work(pieces, 0);
  EXPECT_EQ(results_of(pieces), results_of(whole));
  // Done twice is only what was in the hands of a killed process.
  for (const auto& [id, count] : lines_of(pieces.string() + ".log")) EXPECT_LE(count, 1 + kills) << id;
}

}  // namespace
}  // namespace thimble::study
