#include "compress/prune/loss_curves.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "base/error.h"
#include "compress/quantize/fidelity.h"
#include "graph/prune_channels.h"

namespace thimble::prune {

std::vector<double> convex_slopes(std::span<const double> x, std::span<const double> heights) {
  assert(x.size() == heights.size() && !x.empty());
  std::vector<size_t> corners;
  const auto slope = [&](size_t a, size_t b) { return (heights[b] - heights[a]) / (x[b] - x[a]); };
  for (size_t i = 0; i < x.size(); ++i) {
    while (corners.size() >= 2 &&
           slope(corners[corners.size() - 2], corners.back()) >= slope(corners.back(), i)) {
      corners.pop_back();
    }
    corners.push_back(i);
  }
  std::vector<double> slopes;
  for (size_t c = 1; c < corners.size(); ++c) {
    slopes.resize(corners[c], slope(corners[c - 1], corners[c]));
  }
  return slopes;
}

Importance loss_curves(const Graph& graph, std::span<const ChannelGroup> groups, const Importance& order,
                       size_t multiple, const data::Dataset& dataset, std::span<const size_t> indices,
                       int threads) {
  if (indices.empty()) {
    throw Error("The criterion loss", "has no samples to measure it on", "Name a data set");
  }
  const quantize::FidelityMeter meter(graph, dataset, indices, threads);
  Importance importance(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].locked.empty()) continue;
    const size_t channels = groups[g].channels.size();
    std::vector<int32_t> smallest(channels);
    std::iota(smallest.begin(), smallest.end(), 0);
    std::ranges::stable_sort(smallest, {}, [&](int32_t c) { return order[g][static_cast<size_t>(c)]; });
    std::vector<double> gone = {0};
    std::vector<double> divergence = {0};
    const size_t step = std::max(multiple, channels / 8);
    for (size_t leave = step; leave < channels; leave += step) {
      RemovedChannels removed(groups.size());
      removed[g].assign(smallest.begin(), smallest.begin() + static_cast<std::ptrdiff_t>(leave));
      gone.push_back(static_cast<double>(leave));
      divergence.push_back(meter.measure({prune_channels(graph, groups, removed), {}}).divergence);
    }
    const std::vector<double> slopes = convex_slopes(gone, divergence);
    importance[g].assign(channels, 0);
    for (size_t i = 0; i < channels; ++i) {
      // What leaves last was not measured: it is as important as what leaves before it.
      const size_t block = std::min(i / step, std::max(slopes.size(), size_t{1}) - 1);
      importance[g][static_cast<size_t>(smallest[i])] = slopes.empty() ? 0 : std::max(slopes[block], 0.0);
    }
  }
  return importance;
}

}  // namespace thimble::prune
