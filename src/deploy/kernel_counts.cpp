#include "deploy/kernel_counts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "deploy/c_writer.h"
#include "deploy/device_run.h"
#include "deploy/emulator/target.h"
#include "device/timings.h"

namespace thimble::deploy {
namespace {

using nlohmann::json;

/// Raised when a core's cycles are estimated in another way: what was kept then no longer holds.
constexpr int kTimingsVersion = 2;

std::string compiler_of(const Target& target) {
  const ProcessResult result =
      run_process({target.tools + "gcc", "-dumpfullversion"}, "apt-get install " + target.packages);
  return fmt::format("{} {} {}", result.standard_output, fmt::join(target.machine_flags, " "),
                     fmt::join(target.optimize_flags, " "));
}

std::string key_of(const GeneratedC& program, const std::string& core, const std::string& compiler) {
  const std::string text = fmt::format("{}\n{}\n{}\n{}", kTimingsVersion, core, compiler, program.sha256());
  return sha256(std::as_bytes(std::span(text)));
}

std::optional<std::vector<uint64_t>> read_counts(const std::filesystem::path& path, size_t layers) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const json kept = json::parse(read_text(path), nullptr, false);
  if (!kept.is_object() || !kept.contains("cycles") || !kept["cycles"].is_array()) return std::nullopt;
  std::vector<uint64_t> cycles;
  for (const json& count : kept["cycles"]) {
    if (!count.is_number_unsigned()) return std::nullopt;
    cycles.push_back(count.get<uint64_t>());
  }
  return cycles.size() == layers ? std::optional(cycles) : std::nullopt;
}

}  // namespace

CountCycles counter_on(const Graph& graph, const device::DeviceProfile& device, std::filesystem::path cache) {
  const Target* const target = find_target(device);
  if (target == nullptr || device::core_timings(device.core.value) == nullptr) {
    throw Error(fmt::format("Device '{}'", device.name),
                fmt::format("has no emulator here that counts cycles of its core, {}", device.core.value),
                "Leave --count out: kernels are then chosen by estimates");
  }
  std::vector<std::byte> zeros;
  for (const TensorId id : graph.inputs) zeros.resize(zeros.size() + graph.tensor(id).bytes());
  return [&graph, device, cache = std::move(cache), compiler = compiler_of(*target),
          samples = std::vector<std::vector<std::byte>>{zeros}](const Schedule& schedule) {
    const GeneratedC program = write_c(graph, schedule, {.prefix = "network", .core = device.core.value});
    const std::filesystem::path path = cache / (key_of(program, device.core.value, compiler) + ".json");
    if (const auto kept = read_counts(path, program.layers.size())) return *kept;
    const InferenceCost cost = run_on_device(program, device, samples, {.counted_samples = 1}).costs.at(0);
    std::vector<uint64_t> cycles;
    for (const GeneratedLayer& layer : program.layers) {
      const auto found = std::ranges::find(cost.functions, layer.function, &FunctionCost::function);
      cycles.push_back(layer.function.empty() || found == cost.functions.end() ? 0 : found->cycles);
    }
    std::filesystem::create_directories(cache);
    write_file_atomically(path, json{{"cycles", cycles}}.dump() + "\n");
    return cycles;
  };
}

Schedule schedule_for(const Graph& graph, const device::DeviceProfile& device,
                      const std::filesystem::path& counts_cache) {
  if (counts_cache.empty()) return schedule(graph, device.core.value);
  return schedule_by_counts(graph, device.core.value, counter_on(graph, device, counts_cache));
}

}  // namespace thimble::deploy
