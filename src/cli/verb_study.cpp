#include <fmt/format.h>

#include <algorithm>

#include "base/cores.h"
#include "base/error.h"
#include "cli/common.h"
#include "cli/run_workers.h"
#include "cli/verbs.h"
#include "study/run_trial.h"
#include "study/sqlite_storage.h"

namespace thimble::cli {
namespace {

nlohmann::json to_json(const study::Trial& trial) {
  nlohmann::json document = {{"technique", trial.key.technique},
                             {"network", trial.key.network},
                             {"data", trial.key.data},
                             {"seed", trial.key.seed},
                             {"state", to_string(trial.state)}};
  if (!trial.error.empty()) document["error"] = trial.error;
  for (const study::Measurement& m : trial.measurements) {
    nlohmann::json figure = {{"metric", m.metric}, {"value", nullptr}};
    if (m.value) figure["value"] = *m.value;
    if (!m.device.empty()) figure["device"] = m.device;
    if (!m.note.empty()) figure[m.value ? "basis" : "why"] = m.note;
    document["figures"].push_back(std::move(figure));
  }
  return document;
}

}  // namespace

void add_study(CLI::App& program) {
  static CommonOptions common;
  static std::string study_path;
  static std::string output;
  static int workers = 1;
  static std::string network;
  static bool retry = false;
  static bool is_worker = false;
  CLI::App* verb = add_verb(program, "study", "techniques x networks x data sets x seeds",
                            "A study that was stopped goes on when run again, and ends with the same\n"
                            "results. Several may work on one file. Seeds are the study's.",
                            "thimble study studies/paper-table.toml -o paper-table.db", common);
  verb->add_option("STUDY", study_path, "a TOML file, see docs/studies.md")->required()->option_text(" ");
  verb->add_option("-o,--output", output, "the study's SQLite file; runs beside it")
      ->required()
      ->option_text("PATH (required)");
  verb->add_option("--workers", workers, "trials at once, in processes that share the cores")
      ->check(CLI::Range(1, 256))
      ->option_text("N [1]");
  verb->add_option("--network", network, "do the trials of this one alone, for now")->option_text("NAME");
  verb->add_flag("--retry", retry, "do failed trials again");
  verb->add_flag("--worker", is_worker, "")->group("");
  verb->callback([] {
    study::Study study = study::read_study(study_path);
    if (!network.empty() && std::none_of(study.trials.begin(), study.trials.end(),
                                         [](const auto& trial) { return trial.key.network == network; })) {
      throw Error(study_path, fmt::format("has no network {}", network), "Name one that it lists",
                  ExitCode::kUsage);
    }
    if (!is_worker) study.inputs = study::inputs_of(study, load_model);
    const auto storage = study::open_sqlite(output, true);
    const std::filesystem::path runs = study::folder_beside(output, ".runs");
    if (!is_worker) study::expect_own_runs(runs, study, storage->trials());
    study.command = command_line();
    storage->add(study, version());
    if (retry) storage->retry_failed(network);
    if (workers > 1) {
      const int threads = common.threads > 0 ? common.threads : std::max(1, available_cores() / workers);
      std::vector<std::string> command = {
          "/proc/self/exe",       "study", study_path, "-o", output, "--worker", "--quiet", "--threads",
          std::to_string(threads)};
      if (!network.empty()) command.insert(command.end(), {"--network", network});
      run_workers(workers, command, "Run the study again: it goes on");
    } else {
      study::run_study(
          *storage,
          study::trial_runner(runs, [&] { return study::parse_study(storage->study_text(), output).devices; },
                              load_model, {common.threads, version()}),
          [&](const study::Trial& trial) {
            if (common.quiet) return;
            tell(fmt::format("{}: {}\n", to_string(trial.key),
                             trial.state == study::TrialState::kDone ? "done" : trial.error));
          },
          network);
    }
    if (is_worker) return;
    nlohmann::json document = {{"name", study.name}, {"output", output}, {"trials", nlohmann::json::array()}};
    size_t done = 0;
    std::string failed;
    for (const study::Trial& trial : storage->trials()) {
      document["trials"].push_back(to_json(trial));
      done += trial.state == study::TrialState::kDone ? 1 : 0;
      const bool is_asked_for = network.empty() || trial.key.network == network;
      if (trial.state == study::TrialState::kFailed && is_asked_for && failed.empty())
        failed = to_string(trial.key) + ": " + trial.error;
    }
    print(common, document,
          fmt::format("{} of {} trials are done; \"thimble report {} -o report.html\" says what they came to",
                      done, document["trials"].size(), output));
    if (!failed.empty()) {
      throw Error(output, fmt::format("has failed trials, the first of them {}", failed),
                  "Mend the cause and run the study with --retry");
    }
  });
}

}  // namespace thimble::cli
