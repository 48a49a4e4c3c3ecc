#include "deploy/device_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "deploy/emulator/target.h"
#include "device/timings.h"

namespace thimble::deploy {

bool has_emulator(const device::DeviceProfile& device) { return find_target(device) != nullptr; }

std::optional<device::DeviceProfile> float_stand_in(const device::DeviceProfile& device) {
  const device::CoreTimings* const timings = device::core_timings(device.core.value);
  if (timings == nullptr || timings->floats_as.empty()) return std::nullopt;
  device::DeviceProfile stand_in = device;
  stand_in.core.value = timings->floats_as;
  stand_in.emulated_board.value.clear();
  return stand_in;
}

void expect_tools(const device::DeviceProfile& device, bool times_floats) {
  if (const Target* const target = find_target(device)) expect_tools(*target, true);
  const auto stand_in = times_floats ? float_stand_in(device) : std::nullopt;
  if (stand_in) expect_tools(*stand_in, false);
}

std::string why_no_emulator(const device::DeviceProfile& device) {
  return device.emulated_board.value.empty()
             ? fmt::format("there is no emulator here for its core, {}", device.core.value)
             : fmt::format("there is no emulated board {} here for its core, {}", device.emulated_board.value,
                           device.core.value);
}

void expect_emulator(const device::DeviceProfile& device) {
  if (has_emulator(device)) return;
  std::vector<std::string> known;
  for (const Target& each : targets()) known.push_back(fmt::format("{} ({})", each.core, each.board));
  throw Error(device.name, why_no_emulator(device), fmt::format("There are {}", fmt::join(known, ", ")));
}

ProgramRun run_on_device(const GeneratedC& program, const device::DeviceProfile& device,
                         std::span<const std::vector<std::byte>> samples, const ProgramOptions& options) {
  expect_emulator(device);
  return run_emulated(*find_target(device), program, samples, options);
}

}  // namespace thimble::deploy
