#include "deploy/device_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "deploy/emulator/target.h"

namespace thimble::deploy {

bool has_emulator(const device::DeviceProfile& device) { return find_target(device) != nullptr; }

void expect_tools(const device::DeviceProfile& device) {
  if (const Target* const target = find_target(device)) expect_tools(*target, true);
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
