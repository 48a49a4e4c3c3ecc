#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deploy/emulator/program.h"
#include "device/profile.h"

namespace thimble::deploy {

/// Whether there is an emulator for the device's core.
bool has_emulator(const device::DeviceProfile& device);

/// What a device without an emulator lacks: "there is no emulated board NAME here for its core, CORE".
std::string why_no_emulator(const device::DeviceProfile& device);

/// Throws Error when there is none.
void expect_emulator(const device::DeviceProfile& device);

/// The device in whose place floats are timed where the emulated core lacks the floating-point unit that the
/// device's has (CoreTimings::floats_as).
std::optional<device::DeviceProfile> float_stand_in(const device::DeviceProfile& device);

/// Throws Error naming the packages if the device's emulator, or what compiles for it, is not installed;
/// where it `times_floats`, those of its stand-in, too. A device without an emulator needs nothing.
void expect_tools(const device::DeviceProfile& device, bool times_floats);

/// Runs generated C on the emulator of the device's core. Throws Error when there is none, or as the emulator
/// does.
ProgramRun run_on_device(const GeneratedC& program, const device::DeviceProfile& device,
                         std::span<const std::vector<std::byte>> samples, const ProgramOptions& options = {});

}  // namespace thimble::deploy
