#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "device/profile.h"

namespace thimble::device {

/// How a latency was obtained; printed beside every figure that rests on it.
enum class LatencyBasis {
  kCounted,    ///< the target's own instructions were counted on its emulator, then weighed by the core's
               ///< timings
  kModelled,   ///< a formula
  kPublished,  ///< measured on the device by others
};

/// "counted", "modelled" or "published".
std::string_view to_string(LatencyBasis basis);

/// The time of one inference.
struct Latency {
  double latency_ms = 0;
  LatencyBasis basis = LatencyBasis::kCounted;
  std::string source;
};

/// The energy of one inference: the device's active power for the time of the latency.
struct Energy {
  double energy_uj = 0;
  std::string source;
};

/// cycles / clock. For cycles that were counted on the emulator of the device's core.
Latency latency_of_cycles(const DeviceProfile& device, uint64_t cycles);

/// power * time. The bases of both stay visible in `source`.
Energy energy_of(const DeviceProfile& device, const Latency& latency);

}  // namespace thimble::device
