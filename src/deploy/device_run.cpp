#include "deploy/device_run.h"

#include <fmt/format.h>

#include "base/error.h"

namespace thimble::deploy {

bool has_emulator(const device::DeviceProfile& device) { return device.core.value == "cortex-m4f"; }

ProgramRun run_on_device(const GeneratedC& program, const device::DeviceProfile& device,
                         std::span<const std::vector<std::byte>> samples, const ProgramOptions& options) {
  if (!has_emulator(device)) {
    throw Error(device.name, fmt::format("there is no emulator here for its core, {}", device.core.value),
                "Take a device with a cortex-m4f, such as nano33ble");
  }
  return run_on_cortex_m4(program, samples, options);
}

}  // namespace thimble::deploy
