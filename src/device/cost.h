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

/// The energy of one inference: the device's active power for the time of the latency, and what its outer
/// memory takes. The range is the latency's.
struct Energy {
  double energy_uj = 0;
  double low_uj = 0;
  double high_uj = 0;
  double memory_uj = 0;  ///< of that, for the memory outside the chip
  std::string source;
};

/// cycles * stall factor / clock. For cycles that core_timings of the device's core gave; the basis is
/// theirs.
Latency latency_of_cycles(const DeviceProfile& device, uint64_t cycles);

/// power * time, and where the profile has `outer_read_nj_per_byte`, that for every byte of the network's
/// constants, which are read at least once. The bases of both stay visible in `source`. Empty when the active
/// power is not known.
std::optional<Energy> energy_of(const DeviceProfile& device, const Latency& latency, uint64_t constant_bytes);

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

/// The average power, the energy of memory outside the chip among it, and how long a battery lasts at one
/// inference every `period_ms`. What wakes the device, reads its sensors and regulates its voltage, and the
/// battery's own discharge, come on top. Empty when one of the powers or the energy is not known; throws
/// Error when an inference takes longer than the period.
std::optional<DutyCycle> duty_cycle(const DeviceProfile& device, const Latency& latency,
                                    const std::optional<Energy>& energy, double period_ms,
                                    const Battery& battery);

/// A published latency beside what the estimate says of the same software.
struct Comparison {
  const PublishedLatency* published = nullptr;
  double predicted_ms = 0;
  double low_ms = 0;  ///< the range that the estimate gives
  double high_ms = 0;
  double error = 0;  ///< predicted / published - 1
};

struct Calibration {
  std::optional<double> fitted_stall_factor;  ///< geometric mean over the points that are fitted
  std::vector<Comparison> comparisons;        ///< with the fitted factor
  /// The largest error, as a magnitude, over the points that were left out of the fit; empty without any.
  std::optional<double> largest_error_left_out;
};

/// Compares the estimate with every published latency of the device whose software was counted.
Calibration calibrate(const DeviceProfile& device);

/// What calibrate says of a device, in a sentence that stands beside its latencies.
std::string describe_calibration(const DeviceProfile& device);

}  // namespace thimble::device
