#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/model_budget.h"
#include "cli/training_options.h"
#include "cli/verbs.h"
#include "formats/model.h"
#include "pipeline/evaluate.h"
#include "pipeline/recipe.h"
#include "pipeline/results_json.h"
#include "train/parse_options.h"
#include "train/trainer.h"

namespace thimble::cli {
namespace {

/// The options of a recipe's train stage.
train::TrainOptions options_of(const pipeline::Recipe& recipe, const std::string& path) {
  if (recipe.held_out || recipe.training_part != 1) {
    throw Error(
        path,
        fmt::format("has {}, but this verb trains on all training samples and measures on the test split",
                    recipe.held_out ? "held_out = true" : "a training_part"),
        "Give the recipe to thimble optimize, or hold out by validation = 0.1 in its train stage");
  }
  for (const pipeline::Stage& stage : recipe.stages) {
    if (const auto* train_stage = std::get_if<pipeline::TrainStage>(&stage)) return train_stage->options;
  }
  throw Error(path, "has no train stage", "Add one, or leave --recipe out for the defaults");
}

}  // namespace

void add_train(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string data_name;
  static std::string recipe;
  static std::string output;
  static int epochs = 0;
  static std::vector<std::string> assignments;
  static std::string metrics;
  static std::string accelerator = "auto";
  static std::vector<std::string> limits;
  static std::string device_name;
  CLI::App* verb =
      add_verb(program, "train", "train a float32 model",
               "A training that is stopped goes on from OUT.checkpoint when run again, and ends\n"
               "with the same bytes.",
               "thimble train zoo:mnist-cnn --data mnist --set augment.shift=1 -o float.onnx", common);
  verb->add_option("MODEL", model, "zoo:NAME, or a float32 model to go on from")->option_text(" ");
  verb->add_option("--data", data_name, "a data set's name, or a path of your own")->option_text("NAME");
  verb->add_option("-o,--output", output, "OUT.onnx")->required()->option_text("PATH (required)");
  verb->add_option("--recipe", recipe, "take its train stage, and its model and data unless\nthey are given")
      ->option_text("FILE");
  verb->add_option("--epochs", epochs, "epochs, instead of the recipe's")
      ->check(CLI::Range(1, 100000))
      ->option_text("N");
  verb->add_option("--set", assignments, "set an option of training, as in a recipe;\nmay be given again")
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE");
  verb->add_option("--accelerator", accelerator, "auto (a GPU if there is one), cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->option_text("NAME [auto]");
  verb->add_option("--metrics", metrics, "write a JSON line an epoch")->option_text("FILE");
  add_budget_option(*verb, limits);
  verb->add_option("--device", device_name, "that the budget is of")->option_text("NAME");
  verb->callback([verb] {
    const ModelBudget budget(limits, device_name);
    train::TrainOptions options;
    if (!recipe.empty()) {
      const pipeline::Recipe read = pipeline::read_recipe(recipe);
      options = options_of(read, recipe);
      if (model.empty()) model = read.model;
      if (data_name.empty()) data_name = read.data;
    }
    if (model.empty() || data_name.empty()) {
      throw Error("thimble train", "needs a MODEL and --data, or a --recipe that names them",
                  "thimble train --help shows an example", ExitCode::kUsage);
    }
    options = with_assignments(options, assignments);
    if (epochs > 0) options.epochs = epochs;
    if (recipe.empty() || verb->count("--seed") > 0) options.seed = common.seed;
    options.threads = common.threads;
    options.accelerator = train::parse_accelerator(accelerator);
    formats::expect_model_name(output);
    expect_writable(output);
    if (!metrics.empty()) expect_writable(metrics);
    const Graph graph = load_model(model, options.seed);
    const data::Dataset dataset = load_data(common, data_name, data::Split::kTrain);
    pipeline::expect_fits(graph, dataset);

    train::TrainHooks hooks;
    hooks.progress = common.progress();
    hooks.checkpoint = output + ".checkpoint";
    nlohmann::json history = nlohmann::json::array();
    std::string lines;
    hooks.on_epoch = [&](const train::EpochMetrics& m) {
      history.push_back(pipeline::to_json(m));
      lines += history.back().dump() + "\n";
      if (!metrics.empty()) write_file_atomically(metrics, lines);
    };
    const Graph trained = train::train(graph, dataset, options, hooks);
    formats::write_model(trained, output);
    std::filesystem::remove(hooks.checkpoint);

    const data::Dataset test = data::load(data_name, data::Split::kTest);
    const pipeline::Evaluation result = pipeline::evaluate(trained, test, common.threads);
    print(common, {{"output", output}, {"test_accuracy", result.accuracy}, {"epochs", history}},
          fmt::format("{}: accuracy {} on the {} test samples", output, percent(result.accuracy),
                      grouped(result.samples)));
    budget.check(trained, output, options.seed, result.accuracy, "It was written");
  });
}

}  // namespace thimble::cli
