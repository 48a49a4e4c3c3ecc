#include <fmt/format.h>

#include <optional>

#include "cli/common.h"
#include "cli/samples.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"
#include "deploy/results_json.h"
#include "device/profile.h"

namespace thimble::cli {
namespace {

template <typename T>
std::string figure(const std::optional<T>& value) {
  return value ? grouped(static_cast<uint64_t>(*value)) : std::string("-");
}

std::string layer_text(const deploy::Profile& profile) {
  Table table({"layer", "operator", "MACs", "instructions", "cycles", "per MAC", "arena", "weights"});
  for (const deploy::LayerProfile& layer : profile.layers) {
    table.add({layer.name, layer.op, grouped(layer.macs), figure(layer.instructions), figure(layer.cycles),
               layer.macs > 0 && layer.cycles ? fmt::format("{:.2f}", static_cast<double>(*layer.cycles) /
                                                                          static_cast<double>(layer.macs))
                                              : std::string("-"),
               grouped(layer.arena_bytes), grouped(layer.weights_bytes)});
  }
  return table.text() + "\n";
}

std::string text_of(const deploy::Profile& profile) {
  Table table({profile.device, ""});
  table.add({"multiply-accumulates", grouped(profile.macs)});
  table.add({"instructions", figure(profile.instructions)});
  table.add({"cycles, estimated", figure(profile.cycles)});
  table.add({fmt::format("latency ({})", profile.latency_basis.value_or("none")),
             profile.latency_ms ? fmt::format("{:.3f} ms", *profile.latency_ms) : "-"});
  table.add({"energy", profile.energy_uj ? fmt::format("{:.1f} uJ", *profile.energy_uj) : "-"});
  table.add({"arena", grouped(profile.arena_bytes) + " B"});
  table.add({"stack", figure(profile.stack_bytes) + " B"});
  table.add({"RAM in all", figure(profile.ram_bytes) + " B"});
  table.add({"weights", grouped(profile.weights_bytes) + " B"});
  table.add({"code", figure(profile.code_bytes) + " B"});
  table.add({"flash (code + weights)", figure(profile.flash_bytes) + " B"});
  return table.text() + (profile.why.empty() ? "" : wrapped("Not all could be had: " + profile.why) + "\n");
}

}  // namespace

void add_profile(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string device_name;
  static bool per_layer = false;
  CLI::App* verb = add_verb(program, "profile", "latency, memory and energy on a device",
                            "Instructions are counted on the emulator of the device's core, and weighed by\n"
                            "the core's published timings.",
                            "thimble profile int8.onnx --device nano33ble --per-layer", common);
  verb->add_option("MODEL", model, "an .onnx or .tflite file, or zoo:NAME")->required()->option_text(" ");
  verb->add_option("--device", device_name, "a device's name, or the path of a profile")
      ->required()
      ->option_text("NAME (required)");
  verb->add_flag("--per-layer", per_layer, "print a row a layer, too");
  verb->callback([] {
    const Graph graph = deploy::prepare(load_model(model, common.seed));
    const device::DeviceProfile device = device::load_device(device_name);
    const deploy::Profile profile =
        deploy::profile(graph, device, random_inputs(graph, 1, common.seed).front());
    print(common, deploy::to_json(profile), (per_layer ? layer_text(profile) : "") + text_of(profile));
  });
}

}  // namespace thimble::cli
