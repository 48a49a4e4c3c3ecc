#include "device/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/error.h"
#include "device/timings.h"

namespace thimble::device {

std::string_view to_string(LatencyBasis basis) {
  switch (basis) {
    case LatencyBasis::kCounted:
      return "counted";
    case LatencyBasis::kModelled:
      return "modelled";
    case LatencyBasis::kPublished:
      return "published";
  }
  return "";
}

Latency latency_of_cycles(const DeviceProfile& device, uint64_t cycles) {
  const CoreTimings* const timings = core_timings(device.core.value);
  assert(timings != nullptr);
  const double clock_hz = static_cast<double>(device.clock_hz.value);
  const double without_stalls_ms = static_cast<double>(cycles) / clock_hz * 1e3;
  const double stalls = device.stall_factor ? device.stall_factor->value : 1.0;
  const std::string memory = device.stall_factor
                                 ? fmt::format("times {} for the stalls of its memory", stalls)
                                 : std::string("without wait states");
  return {without_stalls_ms * stalls, without_stalls_ms * timings->low,
          without_stalls_ms * std::max(timings->high, stalls),
          timings->counted ? LatencyBasis::kCounted : LatencyBasis::kModelled,
          fmt::format("instructions counted on the emulator, {} timings {}, {} MHz; range {}{}",
                      device.core.value, memory, clock_hz / 1e6, timings->range_source,
                      stalls > timings->high ? ", up to those stalls" : "")};
}

std::optional<Energy> energy_of(const DeviceProfile& device, const Latency& latency,
                                uint64_t constant_bytes) {
  if (!device.active_power_mw) return std::nullopt;
  const double power_mw = device.active_power_mw->value;
  Energy energy;
  energy.source = fmt::format("{} mW ({}) times the {} latency", power_mw, device.active_power_mw->source,
                              to_string(latency.basis));
  if (device.outer_read_nj_per_byte) {
    const Sourced<double>& read = *device.outer_read_nj_per_byte;
    energy.memory_uj = read.value * static_cast<double>(constant_bytes) * 1e-3;
    energy.source += fmt::format(", and {} nJ ({}) for each of {} bytes of constants, read once", read.value,
                                 read.source, constant_bytes);
  }
  energy.energy_uj = power_mw * latency.latency_ms + energy.memory_uj;
  energy.low_uj = power_mw * latency.low_ms + energy.memory_uj;
  energy.high_uj = power_mw * latency.high_ms + energy.memory_uj;
  return energy;
}

std::optional<DutyCycle> duty_cycle(const DeviceProfile& device, const Latency& latency,
                                    const std::optional<Energy>& energy, double period_ms,
                                    const Battery& battery) {
  if (!energy || !device.active_power_mw || !device.sleep_power_mw) return std::nullopt;
  const double awake = latency.latency_ms / period_ms;
  if (awake > 1) {
    throw Error(device.name,
                fmt::format("takes {:.1f} ms for an inference, longer than the {:.1f} ms between two",
                            latency.latency_ms, period_ms),
                "Take a longer period, or make the network smaller");
  }
  const double average_mw = awake * device.active_power_mw->value +
                            (1 - awake) * device.sleep_power_mw->value + energy->memory_uj / period_ms;
  return DutyCycle{awake, average_mw, battery.capacity_mah * battery.voltage_v / average_mw};
}

Calibration calibrate(const DeviceProfile& device) {
  Calibration result;
  const double clock_hz = static_cast<double>(device.clock_hz.value);
  const auto without_stalls_ms = [&](const PublishedLatency& one) {
    return static_cast<double>(*one.estimated_cycles) / clock_hz * 1e3;
  };
  double logarithms = 0;
  int fitted = 0;
  for (const PublishedLatency& one : device.published) {
    if (!one.fit) continue;
    logarithms += std::log(one.latency_ms / without_stalls_ms(one));
    ++fitted;
  }
  if (fitted > 0) result.fitted_stall_factor = std::exp(logarithms / fitted);
  for (const PublishedLatency& one : device.published) {
    if (!one.estimated_cycles) continue;
    const double stalls = result.fitted_stall_factor.value_or(1.0);
    const double predicted_ms = without_stalls_ms(one) * stalls;
    const CoreTimings* const timings = core_timings(device.core.value);
    assert(timings != nullptr);
    result.comparisons.push_back({.published = &one,
                                  .predicted_ms = predicted_ms,
                                  .low_ms = without_stalls_ms(one) * timings->low,
                                  .high_ms = without_stalls_ms(one) * std::max(timings->high, stalls),
                                  .error = predicted_ms / one.latency_ms - 1});
    if (one.fit) continue;
    result.largest_error_left_out =
        std::max(result.largest_error_left_out.value_or(0), std::abs(result.comparisons.back().error));
  }
  return result;
}

std::string describe_calibration(const DeviceProfile& device) {
  const Calibration calibration = calibrate(device);
  if (calibration.largest_error_left_out) {
    const auto left_out = std::ranges::count_if(calibration.comparisons,
                                                [](const Comparison& one) { return !one.published->fit; });
    return fmt::format(
        "The estimate was compared with {} published latencies of {}: {} of them, left out of the fit, "
        "differ "
        "by up to {:.1f} %.",
        calibration.comparisons.size(), device.name, left_out, 100 * *calibration.largest_error_left_out);
  }
  return fmt::format("No published latency of {} can be compared with the estimate: {}.", device.name,
                     device.published.empty() ? "none is known" : "their software was not counted");
}

}  // namespace thimble::device
