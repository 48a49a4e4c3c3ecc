#include <fmt/format.h>

#include "base/error.h"
#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/verbs.h"
#include "formats/model.h"
#include "pipeline/evaluate.h"
#include "pipeline/recipe.h"
#include "pipeline/results_json.h"
#include "train/trainer.h"

namespace thimble::cli {
namespace {

/// The options of a recipe's train stage.
train::TrainOptions options_of(const std::string& recipe_path) {
  const pipeline::Recipe recipe = pipeline::read_recipe(recipe_path);
  for (const pipeline::Stage& stage : recipe.stages) {
    if (const auto* train_stage = std::get_if<pipeline::TrainStage>(&stage)) return train_stage->options;
  }
  throw Error(recipe_path, "has no train stage", "Add one, or leave --recipe out for the defaults");
}

}  // namespace

void add_train(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string data_name;
  static std::string recipe;
  static std::string output;
  static int epochs = 0;
  CLI::App* verb =
      add_verb(program, "train", "train a float32 model",
               "A training that is stopped goes on from OUT.checkpoint when run again, and ends\n"
               "with the same bytes.",
               "thimble train zoo:mnist-cnn --data mnist -o float.onnx", common);
  verb->add_option("MODEL", model, "zoo:NAME, or a float32 model to go on from")
      ->required()
      ->option_text(" ");
  verb->add_option("--data", data_name, "a data set's name or path")
      ->required()
      ->option_text("NAME (required)");
  verb->add_option("-o,--output", output, "OUT.onnx")->required()->option_text("PATH (required)");
  verb->add_option("--recipe", recipe, "take the train stage of a recipe")->option_text("FILE");
  verb->add_option("--epochs", epochs, "epochs, instead of the recipe's")
      ->check(CLI::Range(1, 100000))
      ->option_text("N");
  verb->callback([verb] {
    train::TrainOptions options = recipe.empty() ? train::TrainOptions{} : options_of(recipe);
    if (epochs > 0) options.epochs = epochs;
    if (recipe.empty() || verb->count("--seed") > 0) options.seed = common.seed;
    options.threads = common.threads;
    formats::expect_model_name(output);
    const Graph graph = load_model(model, options.seed);
    const data::Dataset dataset = load_data(common, data_name, data::Split::kTrain);
    pipeline::expect_fits(graph, dataset);

    train::TrainHooks hooks;
    hooks.progress = common.progress();
    hooks.checkpoint = output + ".checkpoint";
    nlohmann::json history = nlohmann::json::array();
    hooks.on_epoch = [&](const train::EpochMetrics& m) { history.push_back(pipeline::to_json(m)); };
    const Graph trained = train::train(graph, dataset, options, hooks);
    formats::write_model(trained, output);
    std::filesystem::remove(hooks.checkpoint);

    const data::Dataset test = data::load(data_name, data::Split::kTest);
    const pipeline::Evaluation result = pipeline::evaluate(trained, test, common.threads);
    print(common, {{"output", output}, {"test_accuracy", result.accuracy}, {"epochs", history}},
          fmt::format("{}: accuracy {} on the {} test samples", output, percent(result.accuracy),
                      grouped(result.samples)));
  });
}

}  // namespace thimble::cli
