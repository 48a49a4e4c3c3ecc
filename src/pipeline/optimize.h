#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "base/progress.h"
#include "data/dataset.h"
#include "device/profile.h"
#include "graph/graph.h"
#include "pipeline/recipe.h"

namespace thimble::pipeline {

struct OptimizeHooks {
  Progress progress;
  /// A line on each stage as it ends, or as it is found done already.
  std::function<void(std::string_view)> on_stage;
};

struct OptimizeOptions {
  int threads = 0;      ///< 0: all cores; for training those that are free
  std::string version;  ///< the program's; part of what identifies a run
  /// Where stages and profiles are kept by all that decides them, for every run that begins alike; empty:
  /// nowhere. Processes may share it: one does a stage, the others wait for it, or go on where it died.
  std::filesystem::path cache = {};
  /// Where data come from; another for who carries out many recipes on the same set.
  std::function<data::Dataset(std::string_view name, data::Split split)> load_data = data::load;
  std::string command = {};  ///< kept in run.json where a run begins; empty: unknown
};

/// The network of a model's name, with random weights of the seed where it is one of the zoo.
using LoadModel = std::function<Graph(std::string_view model, uint64_t seed)>;

/// Goes through a recipe before anything trains: its device's tools, and all that the other expect_possible
/// (pipeline/dry_run.h) finds. Teachers below `left_out` are not looked at: an earlier stage may write them.
void expect_possible(const Recipe& recipe, const Graph& model, const LoadModel& load_model,
                     const std::filesystem::path& left_out = {});

/// Carries out a recipe in a run's folder and returns the run's state (run.json): "identity", "stages" with
/// each stage's results, and "budget", a row a limit.
///
/// Stages that are done are not done again; a run that was killed at any moment ends with the same model
/// bytes as one that was not. Throws Error as the stages do, with ExitCode::kVerification when bytes differ.
nlohmann::json optimize(const Recipe& recipe, const LoadModel& load_model,
                        const std::filesystem::path& folder, const OptimizeOptions& options,
                        const OptimizeHooks& hooks);

/// Where counts are kept that a recipe's kernels are chosen by; empty: they are chosen by estimates.
std::filesystem::path counts_cache(const Recipe& recipe);

/// deploy::profile of the network as it is deployed, as JSON (deploy/results_json.h); in the options' cache,
/// where there is one, it is kept by the C, the device's values and the sample. With a `counts_cache`,
/// kernels are chosen by counts (deploy/kernel_counts.h).
nlohmann::json kept_profile(const Graph& network, const device::DeviceProfile& device,
                            std::span<const std::byte> sample, const OptimizeOptions& options,
                            const std::filesystem::path& counts_cache = {});

/// Throws Error with ExitCode::kBudget, naming the first limit that the run does not meet and by how much.
void expect_within_budget(const nlohmann::json& run);

}  // namespace thimble::pipeline
