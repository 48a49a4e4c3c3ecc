#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/common.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "train/options.h"

namespace thimble::cli {

/// How a network that was changed recovers: what prune and redesign share on the command line.
struct RecoveryFlags {
  int epochs = 0;
  bool distill = false;
  std::vector<std::string> assignments;
};

void add_recovery(CLI::App& verb, RecoveryFlags& flags, const std::string& after);

/// Nothing when no epochs are asked for. Throws Error when they are and `data_name` is empty.
std::optional<train::TrainOptions> recovery_of(const CommonOptions& common, const RecoveryFlags& flags,
                                               const std::string& data_name);

/// Prints what a network was and is in `after`: sizes, and with a data set the accuracies on its test split.
/// `results` and `text` have more to say: the text stands above. Returns the accuracy of `after`.
std::optional<double> print_change(const CommonOptions& common, const std::string& output,
                                   const Graph& before, const Graph& after, const std::string& data_name,
                                   nlohmann::json results, const std::string& text);

}  // namespace thimble::cli
