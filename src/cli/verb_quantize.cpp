#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/toml_table.h"
#include "base/wilson_interval.h"
#include "cli/assignments.h"
#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/model_budget.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "compress/quantize/quantize.h"
#include "device/profile.h"
#include "formats/model.h"
#include "pipeline/evaluate.h"
#include "pipeline/parse_quantize.h"
#include "pipeline/results_json.h"
#include "report/mix_drawing.h"

namespace thimble::cli {
namespace {

std::string gains_text(const std::vector<quantize::Gain>& gains) {
  if (gains.empty()) return "";
  Table table({"on the calibration samples", "divergence", "signal : noise", "accuracy"});
  for (const quantize::Gain& gain : gains) {
    table.add({gain.step, fmt::format("{:.6f}", gain.fidelity.divergence),
               fmt::format("{:.1f} dB", gain.fidelity.signal_to_noise_db), percent(gain.fidelity.accuracy)});
  }
  return table.text() + "\n";
}

/// The whole front, the chosen mix marked, and the chosen width of every layer.
std::string mix_text(const quantize::MixedPrecision& mixed) {
  Table front({"weights", "cycles", "divergence", "accuracy", "layers below 8 bits", ""});
  for (const quantize::Mix& mix : mixed.front) {
    const auto narrow = std::ranges::count_if(mix.bits, [](const auto& layer) { return layer.second < 8; });
    front.add({grouped(mix.bytes) + " B", mix.cycles > 0 ? grouped(mix.cycles) : "-",
               fmt::format("{:.6f}", mix.divergence), mix.accuracy ? percent(*mix.accuracy) : "",
               fmt::format("{} of {}", narrow, mix.bits.size()),
               mix.bits == mixed.chosen.bits ? "chosen" : ""});
  }
  Table layers({"layer", "bits"});
  for (const auto& [layer, bits] : mixed.chosen.bits) layers.add({layer, fmt::format("{}", bits)});
  return front.text() + "\n" + layers.text() + "\n";
}

}  // namespace

void add_quantize(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string data_name;
  static std::string output;
  static std::string device;
  static std::string plot;
  static std::vector<std::string> settings;
  static bool measures = false;
  static std::vector<std::string> limits;
  // What a recipe's stage says too, as KEY=VALUE.
  static std::vector<std::string> assignments;
  CLI::App* verb =
      add_verb(program, "quantize", "float32 to integers, after training or in training",
               "Below 8 bits, --improve is \"scales rounding bias\" by default. --set takes the\n"
               "keys of a quantize stage (docs/quantization.md). A stopped training goes on.",
               "thimble quantize float.onnx --data mnist --bits 4 --method qat -o int4.onnx", common);
  const auto recipe_option = [verb](const std::string& flag, const std::string& key, const std::string& text,
                                    const std::string& form) {
    verb->add_option_function<std::string>(
            flag, [key](const std::string& value) { assignments.push_back(key + "=" + value); }, text)
        ->option_text(form);
  };
  verb->add_option("MODEL", model, "a float32 model")->required()->option_text(" ");
  verb->add_option("--data", data_name, "data set; its train split is used")
      ->required()
      ->option_text("NAME (required)");
  verb->add_option("-o,--output", output, "OUT.onnx or OUT.tflite")
      ->required()
      ->option_text("PATH (required)");
  recipe_option("--bits", "bits", "of weights: 8, 4, 3, 2, or mixed", "N [8]");
  recipe_option("--activations", "activations", "bits of activations: 8 or 16", "N [8]");
  recipe_option("--method", "method", "ptq: after training; qat: in training", "NAME [ptq]");
  recipe_option("--samples", "samples", "calibration samples", "N [500]");
  recipe_option("--calibration", "calibration", "auto, min-max, percentile, mse, entropy, ...",
                "RULE [min-max]");
  verb->add_option_function<std::string>(
          "--improve", [](const std::string& words) { assignments.push_back("improve=\"" + words + "\""); },
          "some of \"equalize scales rounding bias\", or none")
      ->option_text("WORDS");
  recipe_option("--weights-bytes", "weights_bytes", "mixed: the most bytes of weights and biases", "N");
  recipe_option("--accuracy-loss", "accuracy_loss", "mixed: the most points of accuracy lost", "POINTS");
  verb->add_option("--plot", plot, "mixed: a page that shows the front")->option_text("PAGE.html");
  verb->add_option("--device", device, "of the budget; mixed: counts what layers gain")->option_text("NAME");
  recipe_option("--epochs", "epochs", "qat: epochs of training", "N [5]");
  verb->add_option("--set", settings, "a key of a recipe's stage; may be given again")
      ->allow_extra_args(false)
      ->option_text("KEY=VALUE");
  verb->add_flag("--evaluate", measures, "measure on the test split, before and after");
  add_budget_option(*verb, limits);
  verb->callback([] {
    const ModelBudget budget(limits, device);
    assignments.insert(assignments.end(), settings.begin(), settings.end());
    TomlTable table = TomlTable::parse(toml_of(assignments), "thimble quantize");
    quantize::Options options = pipeline::parse_quantize(table);
    table.expect_no_other_keys();
    pipeline::set_seed(options, common.seed);
    options.post_training.threads = common.threads;
    if (options.training) options.training->threads = common.threads;
    if (!plot.empty() && !options.mix) {
      throw Error("--plot", "shows mixes of 8 and 4 bits, and none is asked for", "Add --bits mixed",
                  ExitCode::kUsage);
    }
    if (options.mix && options.mix->limits.cycles && device.empty()) {
      throw Error("--set cycles", "is a limit, and there is no device to count them on",
                  "Name one: --device NAME", ExitCode::kUsage);
    }
    if (options.mix && !device.empty()) options.mix->device = device::load_device(device);
    formats::expect_model_name(output);
    expect_writable(output);
    if (!plot.empty()) expect_writable(plot);
    const Graph graph = load_model(model, common.seed);
    const data::Dataset dataset = load_data(common, data_name, data::Split::kTrain);
    pipeline::expect_fits(graph, dataset);

    train::TrainHooks hooks;
    hooks.progress = common.progress();
    nlohmann::json history = nlohmann::json::array();
    hooks.on_epoch = [&](const train::EpochMetrics& m) { history.push_back(pipeline::to_json(m)); };
    if (options.training) hooks.checkpoint = output + ".checkpoint";
    const quantize::Result result = quantize::quantize(graph, dataset, options, hooks);
    formats::write_model(result.integer, output);
    if (options.training) std::filesystem::remove(hooks.checkpoint);

    const size_t before = weight_bytes(graph);
    const size_t after = weight_bytes(result.integer);
    nlohmann::json document = pipeline::to_json(result);
    document["output"] = output;
    document["weights_bytes"] = after;
    document["weights_bytes_before"] = before;
    document["calibration"] = result.integer.metadata.at("calibration");
    if (options.training) document["epochs"] = history;
    std::string text = gains_text(result.post_training.gains);
    for (const std::string& note : result.post_training.notes) text += note + "\n";
    if (result.mixed) text += mix_text(*result.mixed);
    text += fmt::format("{}: {} bytes of weights, {} before; calibration: {}", output, grouped(after),
                        grouped(before), result.integer.metadata.at("calibration"));
    std::optional<double> test_accuracy;
    if (measures || budget.asks_for_accuracy()) {
      const data::Dataset test = data::load(data_name, data::Split::kTest);
      for (const bool is_integer : {false, true}) {
        const pipeline::Evaluation evaluation =
            pipeline::evaluate(is_integer ? result.integer : graph, test, common.threads, common.progress());
        const auto correct =
            static_cast<uint64_t>(std::lround(evaluation.accuracy * static_cast<double>(evaluation.samples)));
        test_accuracy = evaluation.accuracy;
        const Interval interval = wilson_interval(correct, evaluation.samples);
        const char* name = is_integer ? "integers" : "float32";
        document[is_integer ? "test_accuracy" : "test_accuracy_before"] = evaluation.accuracy;
        document[is_integer ? "test_interval" : "test_interval_before"] = {interval.low, interval.high};
        text += fmt::format("\n{:<8}  accuracy {} (95 % interval {} to {}) on {} test samples", name,
                            percent(evaluation.accuracy), percent(interval.low), percent(interval.high),
                            grouped(evaluation.samples));
      }
    }
    if (!plot.empty()) {
      write_file_atomically(plot, report::mix_html(model, document["mixed"]));
      document["plot"] = plot;
      text += "\n" + plot;
    }
    print(common, document, text);
    budget.check(result.integer, output, common.seed, test_accuracy, "It was written");
  });
}

}  // namespace thimble::cli
