#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/generated_c.h"
#include "device/profile.h"

namespace thimble::deploy {

/// What a device has for a network.
struct Budget {
  std::string device;  ///< "nano33ble"
  uint64_t ram_bytes = 0;
  uint64_t flash_bytes = 0;
};

Budget budget_of(const device::DeviceProfile& device);

/// A memory of the device that a network needs more of than there is.
struct Excess {
  std::string_view memory;  ///< "RAM" or "flash"
  uint64_t needed_bytes = 0;
  uint64_t limit_bytes = 0;
  std::string reason;  ///< a sentence without its subject
  std::string remedy;  ///< the nearest thing to do
};

/// What does not fit: the arena in the RAM, the constants in the flash. Empty when both do.
std::vector<Excess> excesses(const Graph& graph, const GeneratedC& program, const Budget& budget);

/// Throws Error with ExitCode::kBudget when the arena does not fit the RAM or the constants do not fit the
/// flash. The error says what is needed, what there is, and the nearest thing to do. Code and stack come on
/// top: a network that passes may still be too large by those (profile measures them).
void check_fits(const Graph& graph, const GeneratedC& program, const Budget& budget);

}  // namespace thimble::deploy
