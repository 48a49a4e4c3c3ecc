#include "cli/changed_network.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/training_options.h"
#include "compress/recovery.h"
#include "pipeline/evaluate.h"

namespace thimble::cli {
namespace {

nlohmann::json sizes_of(const Graph& graph) {
  return {{"macs", mac_count(graph)},
          {"parameters", parameter_count(graph)},
          {"weights_bytes", weight_bytes(graph)}};
}

}  // namespace

void add_recovery(CLI::App& verb, RecoveryFlags& flags, const std::string& after) {
  verb.add_option("--epochs", flags.epochs, "of recovery " + after + "; 0: none")
      ->check(CLI::Range(0, 100000))
      ->option_text("N [0]");
  verb.add_flag("--distill", flags.distill, "the network as it was teaches the new one");
  verb.add_option("--set", flags.assignments, "an option of recovery, as of train")
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE");
}

std::optional<train::TrainOptions> recovery_of(const CommonOptions& common, const RecoveryFlags& flags,
                                               const std::string& data_name) {
  if (flags.epochs == 0) {
    if (flags.assignments.empty()) return std::nullopt;
    throw Error("--set", "says how the network recovers, and --epochs is 0",
                "Give --epochs, too, or leave --set out", ExitCode::kUsage);
  }
  if (data_name.empty()) {
    throw Error("--epochs", "needs --data to recover on", "Name a data set, or leave --epochs out",
                ExitCode::kUsage);
  }
  train::TrainOptions options = with_assignments(compress::recovery_defaults(), flags.assignments);
  options.epochs = flags.epochs;
  options.seed = common.seed;
  options.threads = common.threads;
  return options;
}

std::optional<double> print_change(const CommonOptions& common, const std::string& output,
                                   const Graph& before, const Graph& after, const std::string& data_name,
                                   nlohmann::json results, const std::string& text) {
  results["output"] = output;
  results["before"] = sizes_of(before);
  results["after"] = sizes_of(after);
  std::string accuracy;
  std::optional<double> test_accuracy;
  if (!data_name.empty()) {
    const data::Dataset test = data::load(data_name, data::Split::kTest);
    const double was = pipeline::evaluate(before, test, common.threads).accuracy;
    const double is = pipeline::evaluate(after, test, common.threads).accuracy;
    results["test_accuracy_before"] = was;
    results["test_accuracy"] = is;
    test_accuracy = is;
    accuracy = fmt::format("; accuracy {} on the {} test samples, {} before", percent(is),
                           grouped(test.size()), percent(was));
  }
  print(common, results,
        text + wrapped(fmt::format("{}: {} MACs, {} before; {} parameters, {} before{}", output,
                                   grouped(mac_count(after)), grouped(mac_count(before)),
                                   grouped(parameter_count(after)), grouped(parameter_count(before)),
                                   accuracy)));
  return test_accuracy;
}

}  // namespace thimble::cli
