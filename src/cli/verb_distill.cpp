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
#include "pipeline/results_json.h"
#include "train/trainer.h"

namespace thimble::cli {

void add_distill(CLI::App& program) {
  static CommonOptions common;
  static std::string student;
  static std::vector<std::string> teachers;
  static std::vector<std::string> hints;
  static std::string data_name;
  static std::string output;
  static train::TrainOptions options;
  static std::string cache;
  static int epochs = 0;
  static std::vector<std::string> assignments;
  static std::vector<std::string> limits;
  static std::string device_name;
  CLI::App* verb =
      add_verb(program, "distill", "train a model to say what a larger one says",
               "A training that is stopped goes on from OUT.checkpoint when run again.",
               "thimble distill zoo:lenet --teacher float.onnx --data mnist -o small.onnx", common);
  train::Distillation& distillation = options.distillation;
  verb->add_option("STUDENT", student, "zoo:NAME, or a float32 model to go on from")
      ->required()
      ->option_text(" ");
  verb->add_option("--teacher", teachers, "a trained float32 model; given again, they\nteach together")
      ->allow_extra_args(false)
      ->required()
      ->option_text("MODEL (required)");
  verb->add_option("--data", data_name, "a data set's name, or a path of your own")
      ->required()
      ->option_text("NAME (required)");
  verb->add_option("-o,--output", output, "OUT.onnx")->required()->option_text("PATH (required)");
  verb->add_option("--temperature", distillation.temperature, "that softens what both say")
      ->check(CLI::Range(0.01, 1000.0))
      ->option_text("T [4]");
  verb->add_option("--weight", distillation.weight, "of the teachers; the labels have the rest")
      ->check(CLI::Range(0.0, 1.0))
      ->option_text("PART [0.9]");
  verb->add_option("--hint", hints,
                   "layers that shall agree, through a map that is\nlearned; may be given again")
      ->allow_extra_args(false)
      ->option_text("STUDENT=TEACHER");
  verb->add_option("--hint-weight", distillation.hint_weight, "of the hints")
      ->check(CLI::Range(0.0, 1e9))
      ->option_text("W [1]");
  verb->add_option("--cache", cache,
                   "keep what the teachers say, for other students;\nused without augmentation and hints")
      ->option_text("FILE");
  verb->add_option("--epochs", epochs, "epochs")->check(CLI::Range(1, 100000))->option_text("N [8]");
  verb->add_option("--set", assignments, "an option of training, as of train")
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE");
  add_budget_option(*verb, limits);
  verb->add_option("--device", device_name, "that the budget is of")->option_text("NAME");
  verb->callback([verb] {
    const ModelBudget budget(limits, device_name);
    options = with_assignments(options, assignments);
    if (epochs > 0) options.epochs = epochs;
    options.seed = common.seed;
    options.threads = common.threads;
    options.distillation.cache = cache;
    if (hints.empty() && verb->count("--hint-weight") > 0) {
      throw Error("--hint-weight", "is of hints, and none is given", "Give a --hint, or leave it out",
                  ExitCode::kUsage);
    }
    for (const std::string& hint : hints) {
      const size_t equals = hint.find('=');
      if (equals == std::string::npos) {
        throw Error(fmt::format("--hint {}", hint), "has no '='", "Write it as STUDENT=TEACHER",
                    ExitCode::kUsage);
      }
      options.distillation.hints.push_back({hint.substr(0, equals), hint.substr(equals + 1)});
    }
    formats::expect_model_name(output);
    expect_writable(output);
    if (!cache.empty()) expect_writable(cache);
    const Graph graph = load_model(student, common.seed);
    for (const std::string& teacher : teachers) {
      options.distillation.teachers.push_back(load_model(teacher, common.seed));
    }
    const data::Dataset dataset = load_data(common, data_name, data::Split::kTrain);
    pipeline::expect_fits(graph, dataset);
    train::TrainHooks hooks;
    hooks.progress = common.progress();
    hooks.checkpoint = output + ".checkpoint";
    nlohmann::json history = nlohmann::json::array();
    hooks.on_epoch = [&](const train::EpochMetrics& metrics) {
      history.push_back(pipeline::to_json(metrics));
    };
    const Graph trained = train::train(graph, dataset, options, hooks);
    formats::write_model(trained, output);
    std::filesystem::remove(hooks.checkpoint);

    const data::Dataset test = data::load(data_name, data::Split::kTest);
    const double accuracy = pipeline::evaluate(trained, test, common.threads).accuracy;
    nlohmann::json teacher_accuracies = nlohmann::json::array();
    std::string beside;
    for (const Graph& teacher : options.distillation.teachers) {
      teacher_accuracies.push_back(pipeline::evaluate(teacher, test, common.threads).accuracy);
      beside += fmt::format("{}{}", beside.empty() ? "" : ", ", percent(teacher_accuracies.back()));
    }
    print(common,
          {{"output", output},
           {"test_accuracy", accuracy},
           {"teacher_test_accuracies", teacher_accuracies},
           {"epochs", history}},
          fmt::format("{}: accuracy {} on the {} test samples; its teachers: {}", output, percent(accuracy),
                      grouped(test.size()), beside));
    budget.check(trained, output, common.seed, accuracy, "It was written");
  });
}

}  // namespace thimble::cli
