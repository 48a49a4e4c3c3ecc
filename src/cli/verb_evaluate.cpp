#include <fmt/format.h>

#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "pipeline/evaluate.h"
#include "pipeline/results_json.h"

namespace thimble::cli {
namespace {

/// The confusion matrix, a row a true class, with the recall and precision of each.
std::string confusion_text(const pipeline::Evaluation& evaluation, const data::Dataset& dataset) {
  std::vector<std::string> header = {"true \\ predicted"};
  header.insert(header.end(), dataset.class_names.begin(), dataset.class_names.end());
  header.insert(header.end(), {"recall", "precision"});
  Table table(std::move(header));
  for (size_t c = 0; c < dataset.class_names.size(); ++c) {
    std::vector<std::string> row = {dataset.class_names[c]};
    int64_t of_class = 0;
    int64_t as_class = 0;
    for (size_t other = 0; other < dataset.class_names.size(); ++other) {
      row.push_back(fmt::format("{}", evaluation.confusion[c][other]));
      of_class += evaluation.confusion[c][other];
      as_class += evaluation.confusion[other][c];
    }
    const auto share = [&](int64_t whole) {
      return whole == 0 ? std::string("-")
                        : fmt::format("{:.1f}", 100.0 * static_cast<double>(evaluation.confusion[c][c]) /
                                                    static_cast<double>(whole));
    };
    row.push_back(share(of_class));
    row.push_back(share(as_class));
    table.add(std::move(row));
  }
  return table.text();
}

}  // namespace

void add_evaluate(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string data_name;
  static std::string split = "test";
  CLI::App* verb = add_verb(program, "evaluate", "accuracy of a model on a data set",
                            "A quantized model runs on the integer reference, whose bytes are those of the\n"
                            "device; a float32 model in libtorch.",
                            "thimble evaluate runs/mnist/2-quantize.onnx --data mnist", common);
  verb->add_option("MODEL", model, "an .onnx or .tflite file, or zoo:NAME")->required()->option_text(" ");
  verb->add_option("--data", data_name, "a data set's name or path")
      ->required()
      ->option_text("NAME (required)");
  verb->add_option("--split", split, "train, validation (a part of it) or test")
      ->check(CLI::IsMember({"train", "validation", "test"}))
      ->option_text("NAME [test]");
  verb->callback([] {
    const Graph graph = load_model(model, common.seed);
    const data::Dataset dataset = load_data(common, data_name, split_named(split));
    const pipeline::Evaluation result = pipeline::evaluate(graph, dataset, common.threads, common.progress());
    const nlohmann::json document = {{"data", data_name},           {"split", split},
                                     {"samples", result.samples},   {"accuracy", result.accuracy},
                                     {"macro_f1", result.macro_f1}, {"confusion", result.confusion}};
    print(common, document,
          fmt::format("{}\naccuracy {}, macro F1 {:.4f} on {} samples of {} ({})\n",
                      confusion_text(result, dataset), percent(result.accuracy), result.macro_f1,
                      grouped(result.samples), data_name, split));
  });
}

}  // namespace thimble::cli
