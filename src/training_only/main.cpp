#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/error.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/toml_table.h"
#include "train/parse_options.h"
#include "train/trainer.h"
#include "zoo/zoo.h"

namespace thimble {
namespace {

/// What a recipe says of training; the full build's pipeline room reads the rest.
struct TrainingRecipe {
  std::string model;
  std::string data;
  train::TrainOptions options;
};

TrainingRecipe read_recipe(const std::string& path) {
  TomlTable table = TomlTable::parse(read_text(path, uint64_t{1} << 20), path);
  TrainingRecipe recipe{.model = table.text("model"), .data = table.text("data")};
  if (table.flag("held_out", false) || table.number("training_part", 0.001, 1, 1) != 1) {
    throw Error(path, "trains on a part of the training samples, and this program on all",
                "Leave held_out and training_part out, or give the recipe to thimble optimize");
  }
  const auto seed = static_cast<uint64_t>(table.integer("seed", 0, INT64_MAX, 1));
  for (TomlTable& stage : table.tables("stage")) {
    if (stage.text("do") != "train") continue;
    recipe.options = train::parse_options(stage);
    recipe.options.seed = seed;
    return recipe;
  }
  throw Error(path, "has no train stage", "Add one");
}

Graph build(const TrainingRecipe& recipe) {
  constexpr std::string_view kZoo = "zoo:";
  if (!recipe.model.starts_with(kZoo)) {
    throw Error(recipe.model, "is no network of the zoo", "Model files are read by the full build alone");
  }
  return zoo::build(recipe.model.substr(kZoo.size()), recipe.options.seed);
}

void train_to_checkpoint(const std::string& path, const std::string& checkpoint,
                         train::Accelerator accelerator, int threads) {
  TrainingRecipe recipe = read_recipe(path);
  recipe.options.accelerator = accelerator;
  recipe.options.threads = threads;
  const data::Dataset dataset = data::load(recipe.data, data::Split::kTrain);
  train::TrainHooks hooks;
  hooks.checkpoint = checkpoint;
  hooks.progress = [bar = std::make_shared<ProgressBar>(false)](const ProgressUpdate& u) { (*bar)(u); };
  hooks.on_epoch = [](const train::EpochMetrics& m) {
    fmt::print("epoch {} loss {:.4f} accuracy {:.4f} images/s {:.0f}\n", m.epoch, m.loss, m.accuracy,
               m.images_per_second);
    std::fflush(stdout);
  };
  train::train(build(recipe), dataset, recipe.options, hooks);
  fmt::print(
      "{0} holds the finished training. On a machine with the full build,\n"
      "  thimble train --recipe {1} -o OUT.onnx\n"
      "with {0} as OUT.onnx.checkpoint writes the network and measures it.\n",
      checkpoint, path);
}

}  // namespace
}  // namespace thimble

int main(int argc, char** argv) {
  CLI::App program("Trains a network of the zoo as a recipe says, and leaves its checkpoint.",
                   "thimble-train");
  std::string recipe;
  std::string checkpoint;
  std::string accelerator = "auto";
  int threads = 0;
  program.add_option("RECIPE", recipe, "a recipe with a train stage")->required();
  program.add_option("-o,--output", checkpoint, "the checkpoint; a training goes on from it")->required();
  program.add_option("--accelerator", accelerator, "auto, cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  program.add_option("--threads", threads, "threads to use on the CPU")->check(CLI::Range(1, 1024));
  CLI11_PARSE(program, argc, argv);
  try {
    thimble::train_to_checkpoint(recipe, checkpoint, thimble::train::parse_accelerator(accelerator), threads);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "thimble-train: %s\n", error.what());
    return 1;
  }
}
