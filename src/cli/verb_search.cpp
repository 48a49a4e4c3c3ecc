#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "base/cores.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/toml_table.h"
#include "cli/assignments.h"
#include "cli/common.h"
#include "cli/model_budget.h"
#include "cli/run_workers.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "deploy/device_run.h"
#include "deploy/results_json.h"
#include "formats/model.h"
#include "graph/channel_groups.h"
#include "graph/quantize_from_ranges.h"
#include "study/run_trial.h"
#include "study/search_result.h"
#include "study/sqlite_storage.h"

namespace thimble::cli {
namespace {

using study::Candidate;

/// The least that any candidate came to in each figure.
std::string least_reached(const std::vector<Candidate>& candidates) {
  pipeline::Objectives least(4, 1e300);
  std::optional<double> energy_uj;
  for (const Candidate& candidate : candidates) {
    for (size_t k = 0; k < candidate.objectives.size(); ++k)
      least[k] = std::min(least[k], candidate.objectives[k]);
    if (candidate.energy_uj) energy_uj = std::min(*candidate.energy_uj, energy_uj.value_or(1e300));
  }
  return fmt::format(
      "the least that was reached is {:.2f} % error, {:.2f} ms, {}{:.0f} B of RAM and {:.0f} B of flash",
      100 * least[0], least[1], energy_uj ? fmt::format("{:.1f} uJ, ", *energy_uj) : "", least[2], least[3]);
}

/// What --objective says, of a sum of 1.
pipeline::ObjectiveWeights parse_objective(const std::vector<std::string>& assignments) {
  if (assignments.empty()) return study::kSearchWeights;
  pipeline::ObjectiveWeights weights =
      pipeline::parse_weights(TomlTable::parse(toml_of(assignments, "--objective"), "--objective"),
                              {.error = 1, .latency = 1, .size = 1, .energy = 0});
  const double sum = weights.error + weights.latency + weights.size + weights.energy;
  if (!(sum > 0)) {
    throw Error("--objective", "has no weight above zero", "Give one: --objective error=2,latency=1",
                ExitCode::kUsage);
  }
  for (double* weight : {&weights.error, &weights.latency, &weights.size, &weights.energy}) *weight /= sum;
  return weights;
}

}  // namespace

void add_search(CLI::App& program) {
  static CommonOptions common;
  static study::SearchOptions options;
  static std::string folder;
  static std::string strategy = "nsga2";
  static std::vector<std::string> limits;
  static std::vector<std::string> weights;
  static size_t evaluations = 1000000;
  static double minutes = 20;
  static int workers = 1;
  static bool retry = false;
  static bool is_worker = false;
  CLI::App* verb = add_verb(program, "search", "recipes that no other beats, by NSGA-II",
                            "Accuracies are of people or samples held out of the training data. A search\n"
                            "that was stopped goes on when run again; a time counts anew.",
                            "thimble search float.onnx --data uci-har --device nano33ble \\\n"
                            "    --budget ram=16KB -o runs/search",
                            common);
  verb->add_option("MODEL", options.model, "a trained float32 model")->required()->option_text(" ");
  verb->add_option("-o,--output", folder, "folder of the search")->required()->option_text("PATH (required)");
  verb->add_option("--data", options.data, "a data set, see docs/data.md")->required()->option_text("NAME");
  verb->add_option("--device", options.device, "for which")->required()->option_text("NAME");
  add_budget_option(*verb, limits, "ram=16KB,accuracy=95%,latency=20ms, ...");
  verb->add_option("--objective", weights, "weights of error, latency, size, energy [1, 1, 1, 0]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("KEY=N");
  verb->add_option("--strategy", strategy, "nsga2, or random to compare")
      ->check(CLI::IsMember({"nsga2", "random"}))
      ->option_text("NAME [nsga2]");
  verb->add_option("--minutes", minutes, "no candidate begins after")
      ->check(CLI::PositiveNumber)
      ->option_text("N [20]");
  verb->add_option("--evaluations", evaluations, "no more candidates than this")
      ->check(CLI::Range(1, 1000000))
      ->option_text("N");
  verb->add_option("--population", options.population, "candidates of a generation")
      ->check(CLI::Range(2, study::kMostPopulation))
      ->option_text("N [12]");
  verb->add_option("--epochs", options.epochs, "of each training, at the last rung")
      ->check(CLI::Range(1, study::kMostEpochs))
      ->option_text("N [4]");
  verb->add_option("--rungs", options.rungs, "each trains a quarter as long as the next")
      ->check(CLI::Range(1, study::kMostRungs))
      ->option_text("N [1]");
  verb->add_option("--workers", workers, "processes that share the cores")
      ->check(CLI::Range(1, 256))
      ->option_text("N [1]");
  verb->add_flag("--retry", retry, "measure failed candidates again");
  verb->add_flag("--worker", is_worker, "")->group("");
  verb->callback([] {
    const std::string file = folder + "/search.db";
    const auto begin = std::chrono::steady_clock::now();
    const auto minutes_left = [&] {
      return minutes -
             std::chrono::duration<double, std::ratio<60>>(std::chrono::steady_clock::now() - begin).count();
    };
    const auto is_over = [&] { return minutes_left() <= 0; };
    const auto work = [&](study::Storage& storage) {
      study::run_study(
          storage,
          study::trial_runner(folder + "/runs", [] { return std::vector{options.device}; }, load_model,
                              {common.threads, version()}),
          [](const study::Trial& trial) {
            if (common.quiet) return;
            tell(fmt::format("{}: {}\n", trial.key.technique,
                             trial.state == study::TrialState::kDone ? "done" : trial.error));
          },
          "", is_over);
    };
    if (is_worker) {
      work(*study::open_sqlite(file, true));
      return;
    }
    options.seed = common.seed;
    options.strategy = strategy == "nsga2" ? study::SearchStrategy::kNsga2 : study::SearchStrategy::kRandom;
    options.budget = parse_budget(limits);
    options.weights = parse_objective(weights);
    const Graph model = load_model(options.model, options.seed);
    const device::DeviceProfile device = device::load_device(options.device);
    const bool weighs_energy = options.weights.energy > 0;
    if ((weighs_energy || options.budget.energy_uj) && !device.active_power_mw) {
      throw Error(weighs_energy ? "--objective energy" : "--budget energy",
                  fmt::format("is not known of {}, whose power is not", device.name),
                  "Leave it out, or give its active_power_mw in a profile of your own", ExitCode::kUsage);
    }
    deploy::expect_emulator(device);
    deploy::expect_tools(device, false);
    options.model_sha256 = formats::sha256_of(model);
    options.device_sha256 = device::sha256_of(device);
    {
      const data::Dataset data = data::load(options.data, data::Split::kTrain);
      pipeline::expect_fits(model, data);
      options.data_sha256 = data.sha256;
    }
    for (const ChannelGroup& group : channel_groups(model)) {
      if (group.locked.empty()) options.groups.push_back(group.name);
    }
    for (const Node& node : model.nodes) {
      if (has_weights(node.op)) options.layers.push_back(node.name);
    }
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    FileLock lock(folder + "/.lock");
    if (!lock.try_lock()) {
      throw Error(folder, "is in use by another search", "Wait for its end, or give another folder with -o");
    }
    const auto storage = study::open_sqlite(file, true);
    options.command = command_line();
    const std::vector<Candidate> found = study::search(
        *storage, options, version(), evaluations, is_over,
        [&] {
          if (workers == 1) {
            work(*storage);
            return;
          }
          const int threads = common.threads > 0 ? common.threads : std::max(1, available_cores() / workers);
          std::vector<std::string> command = {
              "/proc/self/exe", "search",
              options.model,    "--data",
              options.data,     "--device",
              options.device,   "-o",
              folder,           "--worker",
              "--threads",      std::to_string(threads),
              "--minutes",      fmt::format("{}", std::max(minutes_left(), 1e-3))};
          if (common.quiet) command.emplace_back("--quiet");
          run_workers(workers, command, "Run the search again: it goes on");
        },
        retry);

    if (found.empty()) {
      throw Error("The search", "measured nothing in its time", "Give it more --minutes: it goes on");
    }
    const study::SearchResult result = study::result_of(found, options.weights);
    if (!result.chosen) {
      throw Error("The budget",
                  fmt::format("was met by none of {} candidates: {}", found.size(), least_reached(found)),
                  "Relax a limit, search longer or take a smaller network", ExitCode::kBudget);
    }
    nlohmann::json document = {{"output", folder},
                               {"evaluations", found.size()},
                               {"reference", result.reference},
                               {"hypervolume", result.hypervolume.back()},
                               {"front", nlohmann::json::array()}};
    std::string csv = "candidate,rung,error,latency_ms,ram_bytes,flash_bytes,objective\n";
    Table table({"candidate", "rung", "error", "latency", "RAM", "flash", "J"});
    const auto recipe = [&](const Candidate& candidate) {
      return study::recipe_of({candidate.genes, candidate.rung}, options, study::MeasuredOn::kTest);
    };
    for (size_t place = 0; place < result.front.size(); ++place) {
      const Candidate& candidate = found[result.front[place]];
      const pipeline::Objectives& o = candidate.objectives;
      const auto j = result.objective[place];
      document["front"].push_back({{"candidate", candidate.id},
                                   {"rung", candidate.rung},
                                   {"error", o[0]},
                                   {"latency_ms", o[1]},
                                   {"ram_bytes", o[2]},
                                   {"flash_bytes", o[3]},
                                   {"objective", j ? nlohmann::json(*j) : nlohmann::json()},
                                   {"recipe", recipe(candidate)}});
      const std::string j_text = j ? fmt::format("{:.4f}", *j) : "";
      csv +=
          fmt::format("{},{},{},{},{},{},{}\n", candidate.id, candidate.rung, o[0], o[1], o[2], o[3], j_text);
      table.add({std::to_string(candidate.id), std::to_string(candidate.rung),
                 fmt::format("{:.2f} %", 100 * o[0]), fmt::format("{:.2f} ms", o[1]),
                 fmt::format("{:.0f} B", o[2]), fmt::format("{:.0f} B", o[3]), j_text});
    }
    std::vector<const Candidate*> failures;
    for (const Candidate& candidate : found) {
      if (candidate.objectives.empty()) failures.push_back(&candidate);
    }
    document["failed"] = failures.size();
    const Candidate& chosen = found[*result.chosen];
    document["knee"] = result.knee ? nlohmann::json(found[*result.knee].id) : nlohmann::json();
    document["chosen"] = chosen.id;
    write_file_atomically(folder + "/front.json", deploy::text_of(document) + "\n");
    write_file_atomically(folder + "/front.csv", csv);
    write_file_atomically(folder + "/chosen.toml", recipe(chosen));
    print(common, document,
          fmt::format(
              "{}\n{}Of {} candidates {} keep the limits. Hypervolume {:.4f} of the box up to {:.0f} % "
              "error and\n1.1 times what the whole network costs in 8 bits. {} The least\nJ has {}: "
              "{}/chosen.toml; \"thimble report {}\" shows all.",
              table.text(),
              failures.empty() ? ""
                               : fmt::format("{} failed, the first with: {}\n--retry measures them again.\n",
                                             failures.size(), failures.front()->error),
              found.size(), result.feasible.size(), result.hypervolume.back(), 100 * result.reference[0],
              result.knee ? fmt::format("The knee is candidate {}.", found[*result.knee].id)
                          : "No candidate lies in it.",
              chosen.id, folder, file));
  });
}

}  // namespace thimble::cli
