#include "deploy/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "deploy/c_writer.h"
#include "deploy/device_run.h"
#include "device/cost.h"
#include "device/timings.h"

namespace thimble::deploy {
namespace {

void add_instructions(Profile& profile, const GeneratedC& program, const InferenceCost& cost) {
  profile.instructions = cost.instructions;
  for (size_t i = 0; i < profile.layers.size(); ++i) {
    const auto found = std::ranges::find(cost.functions, program.layers[i].function, &FunctionCost::function);
    profile.layers[i].instructions = found == cost.functions.end() ? 0 : found->instructions;
  }
}

void add_cycles(Profile& profile, const GeneratedC& program, const InferenceCost& cost) {
  profile.cycles = cost.cycles;
  for (size_t i = 0; i < profile.layers.size(); ++i) {
    const auto found = std::ranges::find(cost.functions, program.layers[i].function, &FunctionCost::function);
    profile.layers[i].cycles = found == cost.functions.end() ? 0 : found->cycles;
  }
}

void add_sizes(Profile& profile, const ProgramSize& size, size_t stack_bytes) {
  profile.stack_bytes = stack_bytes;
  profile.ram_bytes = profile.arena_bytes + stack_bytes + size.data_bytes;
  profile.flash_bytes = size.code_bytes + size.constant_bytes + size.initialized_bytes;
  // The compiler may have folded some constants into the code.
  profile.code_bytes = *profile.flash_bytes - std::min(profile.weights_bytes, size.constant_bytes);
}

bool computes_floats(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [&](const Node& node) {
    return graph.tensor(node.outputs[0]).type == DataType::kFloat32 ||
           graph.tensor(node.inputs[0]).type == DataType::kFloat32;
  });
}

bool computes_integers(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [&](const Node& node) {
    return graph.tensor(node.outputs[0]).type != DataType::kFloat32;
  });
}

}  // namespace

Profile profile(const Graph& graph, const device::DeviceProfile& device, std::span<const std::byte> sample) {
  return profile(graph, write_c(graph, {.prefix = "", .core = device.core.value}), device, sample);
}

Profile profile(const Graph& graph, const GeneratedC& program, const device::DeviceProfile& device,
                std::span<const std::byte> sample) {
  Profile profile;
  profile.device = device.name;
  profile.macs = program.macs;
  profile.arena_bytes = program.arena_bytes;
  profile.weights_bytes = program.weights_bytes;
  profile.latency_check = device::describe_calibration(device);
  for (size_t i = 0; i < program.layers.size(); ++i) {
    const GeneratedLayer& layer = program.layers[i];
    const Shape& shape = graph.tensor(graph.nodes[program.order[i]].outputs[0]).shape;
    profile.layers.push_back({.name = layer.name,
                              .op = layer.op,
                              .kernel = layer.kernel,
                              .channels = shape.empty() ? 1 : shape.back(),
                              .macs = layer.macs,
                              .instructions = std::nullopt,
                              .cycles = std::nullopt,
                              .arena_bytes = layer.arena_bytes,
                              .weights_bytes = layer.weights_bytes});
  }
  if (!has_emulator(device)) {
    profile.why = why_no_emulator(device);
    return profile;
  }
  const std::vector<std::vector<std::byte>> samples = {{sample.begin(), sample.end()}};
  const ProgramRun run = run_on_device(program, device, samples, {.counted_samples = 1});
  add_instructions(profile, program, run.costs.at(0));
  add_sizes(profile, run.size.value(), run.stack_bytes.value());
  profile.stack_bound_bytes = run.stack_bound_bytes;
  const device::CoreTimings* const timings = device::core_timings(device.core.value);
  if (timings == nullptr) {
    profile.why = fmt::format("the timings of the core {} are not known", device.core.value);
    return profile;
  }
  device::DeviceProfile timed = device;
  InferenceCost cost = run.costs.at(0);
  const auto stand_in = float_stand_in(device);
  if (stand_in && computes_floats(graph)) {
    if (computes_integers(graph)) {
      profile.why = fmt::format(
          "the emulated core has no floating-point unit and the {} has one, so its counts say nothing of the "
          "time of a network that computes floats beside integers",
          device.core.value);
      return profile;
    }
    timed = *stand_in;
    cost = run_on_device(program, timed, samples, {.counted_samples = 1}).costs.at(0);
    add_instructions(profile, program, cost);
  }
  add_cycles(profile, program, cost);
  profile.latency = device::latency_of_cycles(timed, *profile.cycles);
  profile.energy = device::energy_of(device, *profile.latency, profile.weights_bytes);
  if (!profile.energy) profile.why = fmt::format("the power of {} is not known", device.name);
  return profile;
}

std::string describe_bottleneck(const Profile& profile, const device::DeviceProfile& device) {
  const bool timed = profile.cycles.has_value();
  const auto cost = [&](const LayerProfile& layer) { return timed ? layer.cycles.value_or(0) : layer.macs; };
  const uint64_t total = timed ? *profile.cycles : profile.macs;
  if (profile.macs == 0 || total == 0) return "";
  const LayerProfile& layer = *std::ranges::max_element(profile.layers, {}, cost);
  std::string text = fmt::format("'{}' ({}) takes {:.0f} % of the {}", layer.name, layer.op,
                                 100.0 * static_cast<double>(cost(layer)) / static_cast<double>(total),
                                 timed ? "time" : "multiply-accumulates");
  if (timed && layer.macs > 0) {
    const auto per_mac = [](uint64_t cycles, uint64_t macs) {
      return static_cast<double>(cycles) / static_cast<double>(macs);
    };
    text += fmt::format(": {:.2f} cycles a multiply-accumulate, {:.2f} over all layers",
                        per_mac(*layer.cycles, layer.macs), per_mac(total, profile.macs));
  }
  text += ".";
  const int32_t multiple = device.channel_multiple ? static_cast<int32_t>(device.channel_multiple->value) : 1;
  const int32_t rest = layer.channels % multiple;
  if (layer.macs == 0 || rest == 0) return text;
  // The rest are computed one at a time.
  const int32_t below = layer.channels - rest;
  const int32_t above = below + multiple;
  text += fmt::format(" Its {} output channels are no multiple of {}: ", layer.channels, multiple);
  if (below > 0) text += fmt::format("{} would be faster, and ", below);
  return text + fmt::format("{} take less time a channel.", above);
}

std::string draw_ram(const Profile& profile) {
  constexpr size_t kColumns = 60;
  constexpr size_t kRows = 8;
  const auto peak = std::ranges::max_element(profile.layers, {}, &LayerProfile::arena_bytes);
  if (peak == profile.layers.end() || peak->arena_bytes == 0) return "";
  // Layers that take no time are seen too: every layer begins in some column.
  const bool timed = profile.cycles.has_value() && *profile.cycles > 0;
  double total = 0;
  const auto cost = [&](const LayerProfile& layer) {
    return timed ? static_cast<double>(layer.cycles.value_or(0)) : 1.0;
  };
  for (const LayerProfile& layer : profile.layers) total += cost(layer);
  std::vector<size_t> live(kColumns, 0);
  double time = 0;
  for (const LayerProfile& layer : profile.layers) {
    const auto column = [&](double at) {
      return std::min(kColumns - 1, static_cast<size_t>(at / std::max(total, 1.0) * kColumns));
    };
    const size_t begin = column(time);
    time += cost(layer);
    for (size_t c = begin; c <= column(time); ++c) live[c] = std::max(live[c], layer.arena_bytes);
  }
  const std::string most = grouped(peak->arena_bytes);
  std::string text = fmt::format("RAM live in the arena, over {}; the most at '{}' ({})\n",
                                 timed ? "the time of a run" : "the layers", peak->name, peak->op);
  for (size_t row = kRows; row > 0; --row) {
    std::string line(kColumns, ' ');
    for (size_t c = 0; c < kColumns; ++c) {
      // rounded up: what is live is seen
      if ((live[c] * kRows + peak->arena_bytes - 1) / peak->arena_bytes >= row) line[c] = '#';
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += fmt::format("{:>{}} |{}\n", row == kRows ? most + " B" : "", most.size() + 2, line);
  }
  text += fmt::format("{:>{}} +{}\n", "0 B", most.size() + 2, std::string(kColumns, '-'));
  if (profile.latency && timed) {
    text += fmt::format("{:>{}}  0{:>{}}\n", "", most.size() + 2,
                        fmt::format("{:.2f} ms", profile.latency->latency_ms), kColumns - 1);
  }
  return text;
}

}  // namespace thimble::deploy
