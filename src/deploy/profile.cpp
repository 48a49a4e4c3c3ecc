#include "deploy/profile.h"

#include <fmt/format.h>

#include <algorithm>

#include "deploy/c_writer.h"
#include "deploy/device_run.h"
#include "device/cost.h"
#include "device/timings.h"

namespace thimble::deploy {
namespace {

void add_counts(Profile& profile, const GeneratedC& program, const InferenceCost& cost) {
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
  profile.flash_bytes = size.code_bytes + size.constant_bytes;
  // The compiler may have folded some constants into the code.
  profile.code_bytes = *profile.flash_bytes - std::min(profile.weights_bytes, size.constant_bytes);
}

bool computes_floats(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [&](const Node& node) {
    return graph.tensor(node.outputs[0]).type == DataType::kFloat32;
  });
}

}  // namespace

Profile profile(const Graph& graph, const device::DeviceProfile& device, std::span<const std::byte> sample) {
  const GeneratedC program = write_c(graph, {.prefix = "", .core = device.core.value});
  Profile profile;
  profile.device = device.name;
  profile.macs = program.macs;
  profile.arena_bytes = program.arena_bytes;
  profile.weights_bytes = program.weights_bytes;
  for (const GeneratedLayer& layer : program.layers) {
    profile.layers.push_back({.name = layer.name,
                              .op = layer.op,
                              .kernel = layer.kernel,
                              .macs = layer.macs,
                              .instructions = std::nullopt,
                              .cycles = std::nullopt,
                              .arena_bytes = layer.arena_bytes,
                              .weights_bytes = layer.weights_bytes});
  }
  if (!has_emulator(device)) {
    profile.why = fmt::format("there is no emulator here for the core {}", device.core.value);
    return profile;
  }
  const std::vector<std::vector<std::byte>> samples = {{sample.begin(), sample.end()}};
  const ProgramRun run = run_on_device(program, device, samples, {.counted_samples = 1});
  add_counts(profile, program, run.costs.at(0));
  add_sizes(profile, run.size.value(), run.stack_bytes.value());
  const device::CoreTimings* const timings = device::core_timings(device.core.value);
  if (timings == nullptr) {
    profile.why = fmt::format("the timings of the core {} are not known", device.core.value);
    return profile;
  }
  if (!timings->floats && computes_floats(graph)) {
    profile.why = fmt::format(
        "the emulated core has no floating-point unit and the {} has one, so its counts say nothing of the "
        "time of a float32 network",
        device.core.value);
    return profile;
  }
  add_cycles(profile, program, run.costs.at(0));
  profile.latency = device::latency_of_cycles(device, *profile.cycles);
  if (const auto energy = device::energy_of(device, *profile.latency)) {
    profile.energy_uj = energy->energy_uj;
  } else {
    profile.why = fmt::format("the power of {} is not known", device.name);
  }
  return profile;
}

}  // namespace thimble::deploy
