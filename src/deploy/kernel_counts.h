#pragma once

#include <filesystem>

#include "deploy/schedule.h"
#include "device/profile.h"
#include "graph/graph.h"

namespace thimble::deploy {

/// Counts schedules of a graph (which must outlive it) on the emulator of a device, on inputs of zeros. What
/// was counted is kept in `cache`, a file for each program, under the SHA-256 of all that decides it: the C,
/// the core, and the compiler's version and flags; a file there that is damaged is counted anew. Throws Error
/// when the device has no emulator or its core's timings are not known, and as the emulator does.
CountCycles counter_on(const Graph& graph, const device::DeviceProfile& device, std::filesystem::path cache);

/// The schedule for a device: by estimates, or where there is a cache by counts.
Schedule schedule_for(const Graph& graph, const device::DeviceProfile& device,
                      const std::filesystem::path& counts_cache);

}  // namespace thimble::deploy
