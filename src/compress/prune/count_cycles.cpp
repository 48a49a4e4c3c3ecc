#include "compress/prune/count_cycles.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "compress/prune/int8_profile.h"

namespace thimble::prune {
namespace {

/// What leaves when a part of each group stays, rounded up to the multiple.
RemovedChannels first_channels(std::span<const ChannelGroup> groups, double part, int multiple) {
  RemovedChannels removed(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].locked.empty()) continue;
    const auto channels = static_cast<double>(groups[g].channels.size());
    for (double stay = std::ceil(channels * part / multiple) * multiple; stay < channels; ++stay) {
      removed[g].push_back(static_cast<int32_t>(stay));
    }
  }
  return removed;
}

}  // namespace

Cost count_cycles(const Graph& graph, const data::Dataset& dataset, const device::DeviceProfile& device,
                  int multiple) {
  const auto groups = channel_groups(graph);
  std::vector<CountedSize> sizes;
  for (const double part : {1.0, 0.5, 0.25}) {
    const Graph cut = prune_channels(graph, groups, first_channels(groups, part, multiple));
    if (!sizes.empty() && mac_count(cut) == mac_count(sizes.back().shapes)) break;
    sizes.push_back({cut, int8_profile(cut, dataset, device)});
    if (sizes.back().counted.cycles) continue;
    throw Error(device.name, fmt::format("cannot be pruned for by cycles: {}", sizes.back().counted.why),
                "Measure macs, or take a device whose core has an emulator");
  }
  return cycles_model(sizes);
}

}  // namespace thimble::prune
