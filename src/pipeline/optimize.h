#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/progress.h"
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
};

/// Carries out a recipe on `model` in a run's folder and returns the run's state (run.json): "identity",
/// "stages" with each stage's results, and "budget", a row a limit.
///
/// Stages that are done are not done again; a run that was killed at any moment ends with the same model
/// bytes as one that was not. Throws Error as the stages do, with ExitCode::kVerification when bytes differ.
nlohmann::json optimize(const Recipe& recipe, const Graph& model, const std::filesystem::path& folder,
                        const OptimizeOptions& options, const OptimizeHooks& hooks);

/// Throws Error with ExitCode::kBudget, naming the first limit that the run does not meet and by how much.
void expect_within_budget(const nlohmann::json& run);

}  // namespace thimble::pipeline
