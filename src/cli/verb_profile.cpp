#include <fmt/format.h>

#include <optional>
#include <vector>

#include "cli/common.h"
#include "cli/counts.h"
#include "cli/samples.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "deploy/c_writer.h"
#include "deploy/kernel_counts.h"
#include "deploy/prepare.h"
#include "deploy/profile.h"
#include "deploy/results_json.h"
#include "device/cost.h"
#include "device/profile.h"

namespace thimble::cli {
namespace {

template <typename T>
std::string figure(const std::optional<T>& value) {
  return value ? grouped(static_cast<uint64_t>(*value)) : std::string("-");
}

std::string layer_text(const deploy::Profile& profile) {
  Table table({"layer", "kernel", "MACs", "instructions", "cycles", "per MAC", "arena", "weights"});
  for (const deploy::LayerProfile& layer : profile.layers) {
    table.add({layer.name, layer.kernel.empty() ? layer.op : layer.kernel, grouped(layer.macs),
               figure(layer.instructions), figure(layer.cycles),
               layer.macs > 0 && layer.cycles ? fmt::format("{:.2f}", static_cast<double>(*layer.cycles) /
                                                                          static_cast<double>(layer.macs))
                                              : std::string("-"),
               grouped(layer.arena_bytes), grouped(layer.weights_bytes)});
  }
  return table.text() + "\n";
}

std::string text_of(const deploy::Profile& profile, const device::DeviceProfile& device) {
  Table table({profile.device, ""});
  table.add({"multiply-accumulates", grouped(profile.macs)});
  table.add({"instructions", figure(profile.instructions)});
  table.add({"cycles, estimated", figure(profile.cycles)});
  if (profile.latency) {
    table.add({fmt::format("latency ({})", device::to_string(profile.latency->basis)),
               fmt::format("{:.3f} ms", profile.latency->latency_ms)});
    table.add({"  between",
               fmt::format("{:.3f} and {:.3f} ms", profile.latency->low_ms, profile.latency->high_ms)});
  } else {
    table.add({"latency", "-"});
  }
  if (profile.energy) {
    table.add({"energy", fmt::format("{:.1f} uJ", profile.energy->energy_uj)});
    table.add(
        {"  between", fmt::format("{:.1f} and {:.1f} uJ", profile.energy->low_uj, profile.energy->high_uj)});
    if (profile.energy->memory_uj > 0) {
      table.add({"  of that, memory", fmt::format("{:.1f} uJ", profile.energy->memory_uj)});
    }
  } else {
    table.add({"energy", "-"});
  }
  table.add({"arena", grouped(profile.arena_bytes) + " B"});
  table.add({"stack", figure(profile.stack_bytes) + " B"});
  table.add({"  at the most", figure(profile.stack_bound_bytes) + " B"});
  table.add({"RAM in all", figure(profile.ram_bytes) + " B"});
  table.add({"weights", grouped(profile.weights_bytes) + " B"});
  table.add({"code", figure(profile.code_bytes) + " B"});
  table.add({"flash (code + weights)", figure(profile.flash_bytes) + " B"});
  std::string text = table.text() + "\n" + deploy::draw_ram(profile) + "\n";
  std::vector<std::string> sentences = {deploy::describe_bottleneck(profile, device)};
  if (profile.latency) sentences.push_back(profile.latency_check);
  if (!profile.why.empty()) sentences.push_back("Not all could be had: " + profile.why + ".");
  for (const std::string& sentence : sentences) {
    if (!sentence.empty()) text += wrapped(sentence) + "\n";
  }
  return text;
}

/// A duration in the unit that people would use.
std::string duration(double hours) {
  if (hours < 1) return fmt::format("{:.0f} minutes", hours * 60);
  if (hours < 48) return fmt::format("{:.1f} hours", hours);
  return hours < 24 * 730 ? fmt::format("{:.0f} days", hours / 24)
                          : fmt::format("{:.1f} years", hours / 24 / 365);
}

/// Adds what a battery is worth to the document and says it in a sentence.
std::string add_battery(nlohmann::json& document, const deploy::Profile& profile,
                        const device::DeviceProfile& device, double period_ms,
                        const device::Battery& battery) {
  document["battery"] = nullptr;
  if (!profile.latency) return "";
  const auto duty = device::duty_cycle(device, *profile.latency, profile.energy, period_ms, battery);
  if (!duty) {
    return wrapped(fmt::format("How long a battery lasts cannot be told: the active or sleep power of {} is "
                               "not known.",
                               device.name)) +
           "\n";
  }
  document["battery"] = {{"period_ms", period_ms},
                         {"capacity_mah", battery.capacity_mah},
                         {"voltage_v", battery.voltage_v},
                         {"awake", duty->awake},
                         {"average_power_mw", duty->average_power_mw},
                         {"hours", duty->battery_hours}};
  return wrapped(
             fmt::format("At one inference every {} ms, a battery of {} mAh at {} V lasts {}: {:.3g} mW on "
                         "average, awake {:.2g} % of the time. Sensors, regulators and the battery's own "
                         "discharge come on top.",
                         period_ms, battery.capacity_mah, battery.voltage_v, duration(duty->battery_hours),
                         duty->average_power_mw, 100 * duty->awake)) +
         "\n";
}

}  // namespace

void add_profile(CLI::App& program) {
  static CommonOptions common;
  static std::string model;
  static std::string device_name;
  static bool per_layer = false;
  static bool counts = false;
  static double period_ms = 0;
  static device::Battery battery;
  CLI::App* verb = add_verb(program, "profile", "latency, memory and energy on a device",
                            "Instructions are counted on the emulator of the device's core, and weighed by\n"
                            "the core's published timings.",
                            "thimble profile int8.onnx --device nano33ble --per-layer", common);
  verb->add_option("MODEL", model, "an .onnx or .tflite file, or zoo:NAME")->required()->option_text(" ");
  verb->add_option("--device", device_name, "a device's name, or the path of a profile")
      ->required()
      ->option_text("NAME (required)");
  verb->add_flag("--per-layer", per_layer, "print a row a layer, too");
  add_count_option(*verb, counts);
  verb->add_option("--every", period_ms, "time from one inference to the next: battery life")
      ->check(CLI::Range(0.001, 1e10))
      ->option_text("MS");
  verb->add_option("--battery-mah", battery.capacity_mah, "its capacity")
      ->check(CLI::Range(0.1, 1e7))
      ->option_text("MAH [230]");
  verb->add_option("--battery-v", battery.voltage_v, "its voltage")
      ->check(CLI::Range(0.1, 1000.0))
      ->option_text("V [3]");
  verb->callback([] {
    const Graph graph = deploy::prepare(load_model(model, common.seed));
    const device::DeviceProfile device = device::load_device(device_name);
    const deploy::GeneratedC generated =
        deploy::write_c(graph, deploy::schedule_for(graph, device, counts_cache(counts)),
                        {.prefix = "", .core = device.core.value});
    const deploy::Profile profile =
        deploy::profile(graph, generated, device, random_inputs(graph, 1, common.seed).front());
    nlohmann::json document = deploy::to_json(profile);
    document["bottleneck"] = deploy::describe_bottleneck(profile, device);
    std::string text = (per_layer ? layer_text(profile) : "") + text_of(profile, device);
    if (period_ms > 0) text += add_battery(document, profile, device, period_ms, battery);
    print(common, document, text);
  });
}

}  // namespace thimble::cli
