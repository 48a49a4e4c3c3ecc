#include "device/cost.h"

#include <fmt/format.h>

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
  const double clock_hz = static_cast<double>(device.clock_hz.value);
  return {static_cast<double>(cycles) / clock_hz * 1e3, LatencyBasis::kCounted,
          fmt::format("instructions counted on the emulator, {} timings without wait states, {} MHz",
                      device.core.value, clock_hz / 1e6)};
}

Energy energy_of(const DeviceProfile& device, const Latency& latency) {
  return {device.active_power_mw.value * latency.latency_ms,
          fmt::format("{} mW ({}) times the {} latency", device.active_power_mw.value,
                      device.active_power_mw.source, to_string(latency.basis))};
}

}  // namespace thimble::device
