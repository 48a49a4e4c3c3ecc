#include "device/cost.h"

#include <fmt/format.h>

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
  const std::string memory =
      device.stall_factor ? fmt::format("times {} for the stalls of its memory", device.stall_factor->value)
                          : std::string("without wait states");
  return {without_stalls_ms * (device.stall_factor ? device.stall_factor->value : 1.0),
          without_stalls_ms * timings->low, without_stalls_ms * timings->high,
          timings->counted ? LatencyBasis::kCounted : LatencyBasis::kModelled,
          fmt::format("instructions counted on the emulator, {} timings {}, {} MHz; range {}",
                      device.core.value, memory, clock_hz / 1e6, timings->range_source)};
}

std::optional<Energy> energy_of(const DeviceProfile& device, const Latency& latency) {
  if (!device.active_power_mw) return std::nullopt;
  return Energy{device.active_power_mw->value * latency.latency_ms,
                fmt::format("{} mW ({}) times the {} latency", device.active_power_mw->value,
                            device.active_power_mw->source, to_string(latency.basis))};
}

std::optional<DutyCycle> duty_cycle(const DeviceProfile& device, const Latency& latency, double period_ms,
                                    const Battery& battery) {
  if (!device.active_power_mw || !device.sleep_power_mw) return std::nullopt;
  const double awake = latency.latency_ms / period_ms;
  if (awake > 1) {
    throw Error(device.name,
                fmt::format("takes {:.1f} ms for an inference, longer than the {:.1f} ms between two",
                            latency.latency_ms, period_ms),
                "Take a longer period, or make the network smaller");
  }
  const double average_mw =
      awake * device.active_power_mw->value + (1 - awake) * device.sleep_power_mw->value;
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
    const double predicted_ms = without_stalls_ms(one) * result.fitted_stall_factor.value_or(1.0);
    result.comparisons.push_back({&one, predicted_ms, predicted_ms / one.latency_ms - 1});
  }
  return result;
}

}  // namespace thimble::device
