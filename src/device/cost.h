#pragma once

#include <cstdint>
#include <optional>
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

/// The time of one inference: an estimate, and what the true time lies between.
struct Latency {
  double latency_ms = 0;
  double low_ms = 0;
  double high_ms = 0;
  LatencyBasis basis = LatencyBasis::kCounted;
  std::string source;
};

/// The energy of one inference: the device's active power for the time of the latency.
struct Energy {
  double energy_uj = 0;
  std::string source;
};

/// cycles * stall factor / clock. For cycles that core_timings of the device's core gave; the basis is
/// theirs.
Latency latency_of_cycles(const DeviceProfile& device, uint64_t cycles);

/// power * time. The bases of both stay visible in `source`. Empty when the active power is not known.
std::optional<Energy> energy_of(const DeviceProfile& device, const Latency& latency);

/// A battery: "a coin cell of 230 mAh at 3 V".
struct Battery {
  double capacity_mah = 230;
  double voltage_v = 3;
};

/// A device that wakes, computes one inference, and sleeps until the next.
struct DutyCycle {
  double awake = 0;  ///< fraction of the time
  double average_power_mw = 0;
  double battery_hours = 0;
};

/// The average power and how long a battery lasts at one inference every `period_ms`. What wakes the device,
/// reads its sensors and regulates its voltage, and the battery's own discharge, come on top. Empty when one
/// of the powers is not known; throws Error when an inference takes longer than the period.
std::optional<DutyCycle> duty_cycle(const DeviceProfile& device, const Latency& latency, double period_ms,
                                    const Battery& battery);

/// A published latency beside what the estimate says of the same software.
struct Comparison {
  const PublishedLatency* published = nullptr;
  double predicted_ms = 0;
  double error = 0;  ///< predicted / published - 1
};

struct Calibration {
  std::optional<double> fitted_stall_factor;  ///< geometric mean over the points that are fitted
  std::vector<Comparison> comparisons;        ///< with the fitted factor
};

/// Compares the estimate with every published latency of the device whose software was counted.
Calibration calibrate(const DeviceProfile& device);

}  // namespace thimble::device
