#include <fmt/format.h>

#include "base/error.h"
#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/model_budget.h"
#include "cli/training_options.h"
#include "cli/verbs.h"
#include "compress/prune/prune.h"
#include "formats/model.h"
#include "pipeline/evaluate.h"

namespace thimble::cli {
namespace {

nlohmann::json sizes_of(const Graph& graph) {
  return {{"macs", mac_count(graph)},
          {"parameters", parameter_count(graph)},
          {"weights_bytes", weight_bytes(graph)}};
}

}  // namespace

void add_prune(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string data_name;
  static std::string device_name;
  static std::string output;
  static std::string criterion = "l2";
  static std::string ranking = "local";
  static std::string measure = "macs";
  static prune::PruneOptions options;
  static int epochs = 0;
  static bool gradual = false;
  static std::vector<std::string> assignments;
  static std::vector<std::string> limits;
  CLI::App* verb =
      add_verb(program, "prune", "remove the least important channels", "",
               "thimble prune float.onnx --data mnist --keep 0.5 --epochs 3 -o half.onnx", common);
  verb->add_option("MODEL", model, "a float32 model")->required()->option_text(" ");
  verb->add_option("-o,--output", output, "OUT.onnx")->required()->option_text("PATH (required)");
  verb->add_option("--keep", options.select.keep, "the part that stays, at most")->option_text("PART [0.5]");
  verb->add_option("--of", measure, "macs, parameters, or cycles on --device")
      ->check(CLI::IsMember({"macs", "parameters", "cycles"}))
      ->option_text("[macs]");
  verb->add_option("--criterion", criterion, "l1, l2, norm-scale, taylor, fpgm, random")
      ->check(CLI::IsMember({"l1", "l2", "norm-scale", "taylor", "fpgm", "random"}))
      ->option_text("[l2]");
  verb->add_option("--ranking", ranking, "local, global, or per-cost (importance per saving)")
      ->check(CLI::IsMember({"local", "global", "per-cost"}))
      ->option_text("[local]");
  verb->add_option("--multiple", options.select.multiple, "channels stay in multiples of it")
      ->check(CLI::Range(1, 1024))
      ->option_text("N [1]");
  verb->add_option("--least", options.select.least, "the part of each layer that stays")
      ->check(CLI::Range(0.0, 1.0))
      ->option_text("PART [0.1]");
  verb->add_option("--data", data_name, "to recover on, for taylor and for cycles")->option_text("NAME");
  verb->add_option("--device", device_name, "whose cycles are counted, and of the budget")
      ->option_text("NAME");
  verb->add_option("--steps", options.steps, "in so many steps, recovering after each")
      ->check(CLI::Range(1, 1000))
      ->option_text("N [1]");
  verb->add_flag("--gradual", gradual, "large steps first, small ones last");
  verb->add_option("--epochs", epochs, "of recovery after each step; 0: none")
      ->check(CLI::Range(0, 100000))
      ->option_text("N [0]");
  verb->add_flag("--distill", options.distill, "the whole network teaches the pruned one");
  verb->add_option("--set", assignments, "an option of recovery, as of train")->option_text("KEY=VALUE");
  add_budget_option(*verb, limits);
  verb->callback([] {
    const ModelBudget budget(limits, device_name);
    if (budget.asks_for_accuracy() && data_name.empty()) {
      throw Error("--budget accuracy", "needs --data to measure on", "Name a data set", ExitCode::kUsage);
    }
    options.criterion = prune::criterion_named(criterion);
    options.select.ranking = prune::ranking_named(ranking);
    options.measure = prune::measure_named(measure);
    options.schedule = gradual ? prune::Steps::kGradual : prune::Steps::kEven;
    options.seed = common.seed;
    formats::expect_model_name(output);
    const Graph graph = load_model(model, common.seed);
    nlohmann::json results = {{"output", output}, {"before", sizes_of(graph)}};
    Graph pruned;
    std::string accuracy;
    std::optional<double> test_accuracy;
    if (data_name.empty()) {
      if (epochs > 0) {
        throw Error("thimble prune", "needs --data to recover on", "Name a data set, or leave --epochs out",
                    ExitCode::kUsage);
      }
      pruned = prune::prune_without_data(graph, options);
      formats::write_model(pruned, output);
    } else {
      const data::Dataset dataset = load_data(common, data_name, data::Split::kTrain);
      pipeline::expect_fits(graph, dataset);
      if (epochs > 0) {
        options.recovery = with_assignments(prune::recovery_defaults(), assignments);
        options.recovery->epochs = epochs;
        options.recovery->seed = common.seed;
        options.recovery->threads = common.threads;
      }
      std::optional<device::DeviceProfile> device;
      if (!device_name.empty()) device = device::load_device(device_name);
      prune::PruneHooks hooks;
      hooks.progress = common.progress();
      hooks.checkpoint = output + ".checkpoint";
      if (!common.quiet) hooks.on_step = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
      pruned = prune::prune(graph, dataset, device ? &*device : nullptr, options, hooks);
      formats::write_model(pruned, output);
      for (int step = 1; step <= options.steps; ++step) {
        std::filesystem::remove(fmt::format("{}.{}", hooks.checkpoint.string(), step));
      }
      const data::Dataset test = data::load(data_name, data::Split::kTest);
      const double before = pipeline::evaluate(graph, test, common.threads).accuracy;
      const double after = pipeline::evaluate(pruned, test, common.threads).accuracy;
      results["test_accuracy_before"] = before;
      results["test_accuracy"] = after;
      test_accuracy = after;
      accuracy = fmt::format("; accuracy {} on the {} test samples, {} before", percent(after),
                             grouped(test.size()), percent(before));
    }
    results["after"] = sizes_of(pruned);
    print(common, results,
          fmt::format("{}: {} MACs, {} before; {} parameters, {} before{}", output,
                      grouped(mac_count(pruned)), grouped(mac_count(graph)), grouped(parameter_count(pruned)),
                      grouped(parameter_count(graph)), accuracy));
    budget.check(pruned, output, common.seed, test_accuracy, "It was written");
  });
}

}  // namespace thimble::cli
