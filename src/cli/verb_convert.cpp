#include <fmt/format.h>

#include "cli/common.h"
#include "cli/verbs.h"
#include "formats/model.h"

namespace thimble::cli {

void add_convert(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string output;
  CLI::App* verb = add_verb(program, "convert", "a model from one file format to another",
                            "ONNX and TensorFlow Lite: float32, int8, int16, weights of 4 bits. Layers keep\n"
                            "their bytes; for .tflite, batch norms and activations are folded in first.",
                            "thimble convert model.tflite -o model.onnx", common);
  verb->add_option("MODEL", model, "an .onnx or .tflite file, or zoo:NAME")->required()->option_text(" ");
  verb->add_option("-o,--output", output, "OUT.onnx or OUT.tflite")
      ->required()
      ->option_text("PATH (required)");
  verb->callback([] {
    const Graph graph = formats::for_format(load_model(model, common.seed), output);
    formats::write_model(graph, output);
    print(common, {{"output", output}, {"nodes", graph.nodes.size()}, {"weights_bytes", weight_bytes(graph)}},
          fmt::format("{}: {} operators, {} bytes of weights", output, graph.nodes.size(),
                      grouped(weight_bytes(graph))));
  });
}

}  // namespace thimble::cli
