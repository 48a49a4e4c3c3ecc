#include <fmt/format.h>

#include "cli/common.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "deploy/budget.h"
#include "deploy/c_writer.h"
#include "deploy/package.h"
#include "deploy/prepare.h"
#include "device/profile.h"

namespace thimble::cli {

void add_deploy(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string device_name;
  static std::string folder;
  static std::string package = "c";
  CLI::App* verb = add_verb(program, "deploy", "write a model as C for a device", "",
                            "thimble deploy int8.onnx --device nano33ble -o firmware/model", common);
  verb->add_option("MODEL", model, "an .onnx or .tflite file, or zoo:NAME")->required()->option_text(" ");
  verb->add_option("--device", device_name, "a device's name, or the path of a profile")
      ->required()
      ->option_text("NAME (required)");
  verb->add_option("-o,--output", folder, "folder of the C files")
      ->required()
      ->option_text("PATH (required)");
  verb->add_option("--package", package, "c: plain C with CMake")
      ->check(CLI::IsMember({"c"}))
      ->option_text("c");
  verb->callback([] {
    const Graph graph = deploy::prepare(load_model(model, common.seed));
    const device::DeviceProfile device = device::load_device(device_name);
    const deploy::Budget budget = deploy::budget_of(device);
    const deploy::GeneratedC generated =
        deploy::write_c(graph, {.prefix = "", .core = device.core.value, .budget = budget});
    deploy::check_fits(graph, generated, budget);
    deploy::write_package(generated, folder);

    nlohmann::json document = {{"device", device.name},
                               {"folder", folder},
                               {"arena_bytes", generated.arena_bytes},
                               {"arena_lower_bound_bytes", generated.plan.lower_bound_bytes},
                               {"weights_bytes", generated.weights_bytes},
                               {"layers", nlohmann::json::array()},
                               {"files", nlohmann::json::array()}};
    Table table({"layer", "operator", "kernel", "scratch", "weights", "why"});
    for (const deploy::GeneratedLayer& layer : generated.layers) {
      document["layers"].push_back({{"name", layer.name},
                                    {"op", layer.op},
                                    {"kernel", layer.kernel},
                                    {"why", layer.why},
                                    {"scratch_bytes", layer.scratch_bytes}});
      table.add({layer.name, layer.op, layer.kernel.empty() ? "(none needed)" : layer.kernel,
                 grouped(layer.scratch_bytes), grouped(layer.weights_bytes), layer.why});
    }
    for (const deploy::GeneratedFile& file : generated.files) document["files"].push_back(file.name);
    print(common, document,
          fmt::format("{}\n{}: {} files; arena {} B (lower bound {} B), weights {} B\n", table.text(), folder,
                      generated.files.size(), grouped(generated.arena_bytes),
                      grouped(generated.plan.lower_bound_bytes), grouped(generated.weights_bytes)));
  });
}

}  // namespace thimble::cli
