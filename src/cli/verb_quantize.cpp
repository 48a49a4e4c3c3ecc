#include <fmt/format.h>

#include "cli/common.h"
#include "cli/data_sets.h"
#include "cli/verbs.h"
#include "compress/quantize/post_training.h"
#include "formats/model.h"

namespace thimble::cli {

void add_quantize(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string data_name;
  static std::string output;
  static quantize::PostTrainingOptions options;
  static int bits = 8;
  static std::string method = "ptq";
  CLI::App* verb = add_verb(program, "quantize", "float32 to int8, on calibration samples", "",
                            "thimble quantize float.onnx --data mnist -o int8.onnx", common);
  verb->add_option("MODEL", model, "a float32 model")->required()->option_text(" ");
  verb->add_option("--data", data_name, "data set to calibrate on (train split)")
      ->required()
      ->option_text("NAME (required)");
  verb->add_option("-o,--output", output, "OUT.onnx or OUT.tflite")
      ->required()
      ->option_text("PATH (required)");
  verb->add_option("--bits", bits, "bits of the weights: 8")->check(CLI::IsMember({8}))->option_text("8");
  verb->add_option("--method", method, "ptq: post-training")
      ->check(CLI::IsMember({"ptq"}))
      ->option_text("ptq");
  verb->add_option("--samples", options.samples, "calibration samples")
      ->check(CLI::Range(size_t{1}, size_t{1000000}))
      ->option_text("N [500]");
  verb->callback([] {
    options.seed = common.seed;
    formats::expect_model_name(output);
    const Graph graph = load_model(model, common.seed);
    const data::Dataset dataset = load_data(common, data_name, data::Split::kTrain);
    const Graph quantized = quantize::post_training_quantize(graph, dataset, options);
    formats::write_model(quantized, output);
    const size_t before = weight_bytes(graph);
    const size_t after = weight_bytes(quantized);
    print(common,
          {{"output", output},
           {"weights_bytes", after},
           {"weights_bytes_before", before},
           {"calibration", quantized.metadata.at("calibration")}},
          fmt::format("{}: {} bytes of weights, {} before; calibration: {}", output, grouped(after),
                      grouped(before), quantized.metadata.at("calibration")));
  });
}

}  // namespace thimble::cli
