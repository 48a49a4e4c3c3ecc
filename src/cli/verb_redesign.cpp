#include <filesystem>

#include "base/error.h"
#include "base/files.h"

#include "cli/changed_network.h"
#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/model_budget.h"
#include "cli/verbs.h"
#include "compress/redesign/redesign.h"
#include "formats/model.h"
#include "pipeline/evaluate.h"

namespace thimble::cli {

void add_redesign(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string data_name;
  static std::string device_name;
  static std::string output;
  static redesign::RedesignOptions options;
  static RecoveryFlags recovery;
  static bool linear = false;
  static std::vector<std::string> limits;
  CLI::App* verb =
      add_verb(program, "redesign", "make a network separable, deeper or wider",
               "A width or depth above 1 computes what the network did. Everything else needs\n"
               "recovery. A recovery that is stopped goes on from OUT.checkpoint.",
               "thimble redesign float.onnx --separable --data mnist --epochs 8 -o out.onnx", common);
  verb->add_option("MODEL", model, "a float32 model")->required()->option_text(" ");
  verb->add_option("-o,--output", output, "OUT.onnx")->required()->option_text("PATH (required)");
  verb->add_flag("--separable", options.separable, "convolutions become depthwise and 1x1 ones");
  verb->add_option("--layer", options.layers, "this one alone; may be given again")
      ->allow_extra_args(false)
      ->option_text("NAME [all]");
  verb->add_flag("--linear", linear, "no activation function between the two");
  verb->add_option("--width", options.width, "so many times the channels")->option_text("FACTOR [1]");
  verb->add_option("--depth", options.depth, "so many times the layers")->option_text("FACTOR [1]");
  verb->add_option("--multiple", options.multiple, "channels are multiples of it")
      ->check(CLI::Range(1, 1024))
      ->option_text("N [1]");
  verb->add_option("--data", data_name, "to recover on, and for new batch norms")->option_text("NAME");
  add_recovery(*verb, recovery, "afterwards");
  add_budget_option(*verb, limits);
  verb->add_option("--device", device_name, "that the budget is of")->option_text("NAME");
  verb->callback([verb] {
    const ModelBudget budget(limits, device_name);
    budget.expect_measurable(data_name);
    options.activation_between = !linear;
    if (verb->count("--multiple") > 0 && options.width == 1) {
      throw Error("--multiple", "is of another width", "Give a --width, or leave it out", ExitCode::kUsage);
    }
    options.seed = common.seed;
    options.distill = recovery.distill;
    options.recovery = recovery_of(common, recovery, data_name);
    formats::expect_model_name(output);
    expect_writable(output);
    const Graph graph = load_model(model, common.seed);
    Graph network;
    if (data_name.empty()) {
      network = redesign::redesign_without_data(graph, options);
    } else {
      const data::Dataset dataset = load_data(common, data_name, data::Split::kTrain);
      pipeline::expect_fits(graph, dataset);
      train::TrainHooks hooks;
      hooks.progress = common.progress();
      hooks.checkpoint = output + ".checkpoint";
      network = redesign::redesign(graph, dataset, options, hooks);
    }
    formats::write_model(network, output);
    if (options.recovery) std::filesystem::remove(output + ".checkpoint");
    const auto accuracy =
        print_change(common, output, graph, network, data_name, nlohmann::json::object(), "");
    budget.check(network, output, common.seed, accuracy, "It was written");
  });
}

}  // namespace thimble::cli
