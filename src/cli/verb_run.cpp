#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "cli/common.h"
#include "cli/verbs.h"
#include "deploy/run_model.h"
#include "formats/tflite/tflite.h"

namespace thimble::cli {
namespace {

/// Every operator's output, sample by sample. What the TensorFlow Lite reader had to insert is no operator of
/// the file.
std::vector<std::byte> layer_bytes(const Graph& graph, const deploy::RunResult& result) {
  std::vector<std::byte> bytes;
  for (const auto& sample : result.layers) {
    for (const deploy::LayerOutput& layer : sample) {
      if (tflite::inserted_by_import(graph.nodes[static_cast<size_t>(layer.node)])) continue;
      bytes.insert(bytes.end(), layer.data.begin(), layer.data.end());
    }
  }
  return bytes;
}

}  // namespace

void add_run(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string input;
  static std::string output;
  static std::string layers;
  static std::string place = "host";
  CLI::App* verb =
      add_verb(program, "run", "run a model on raw tensors",
               "The input file holds raw tensors, one sample after another; the output file gets\n"
               "the outputs likewise. host: the integer reference; c: the generated C on this\n"
               "machine; a device: the generated C on the emulator of its core.",
               "thimble run int8.onnx --input in.bin --output out.bin --on nano33ble", common);
  verb->add_option("MODEL", model, "an .onnx or .tflite file, or zoo:NAME")->required()->option_text(" ");
  verb->add_option("--input", input, "file of input tensors")->required()->option_text("FILE (required)");
  verb->add_option("--output", output, "file for the output tensors")
      ->required()
      ->option_text("FILE (required)");
  verb->add_option("--layers", layers, "file for every operator's output, in order")->option_text("FILE");
  verb->add_option("--on", place, "host, c, or a device's name")->option_text("PLACE [host]");
  verb->callback([] {
    const Graph graph = load_model(model, common.seed);
    const auto samples = deploy::split_samples(graph, read_file(input), input);
    const deploy::RunResult result = deploy::run_model(graph, samples, place, !layers.empty());
    std::vector<std::byte> outputs;
    for (const auto& sample : result.outputs) outputs.insert(outputs.end(), sample.begin(), sample.end());
    write_file_atomically(output, outputs);
    if (!layers.empty()) write_file_atomically(layers, layer_bytes(graph, result));
    print(common,
          {{"samples", samples.size()}, {"on", place}, {"output", output}, {"output_bytes", outputs.size()}},
          fmt::format("{}: {} samples on {}", output, samples.size(), place));
  });
}

}  // namespace thimble::cli
