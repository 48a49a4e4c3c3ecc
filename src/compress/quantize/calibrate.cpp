#include "compress/quantize/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "train/observe.h"

namespace thimble::quantize {

std::vector<Range> calibrate(const Graph& graph, const data::Dataset& dataset,
                             std::span<const size_t> indices) {
  if (indices.empty()) {
    throw Error("calibration", "has no samples", "Give at least one sample, better some hundreds");
  }
  constexpr float kHuge = std::numeric_limits<float>::infinity();
  std::vector<Range> ranges(graph.tensors.size(), Range{kHuge, -kHuge});
  train::observe(graph, dataset, indices, [&](TensorId id, std::span<const float> values) {
    Range& range = ranges[static_cast<size_t>(id)];
    for (const float value : values) {
      if (!std::isfinite(value)) {
        throw Error(fmt::format("Tensor '{}'", graph.tensor(id).name),
                    "is not finite on a calibration sample",
                    "The network diverged in training: train it again with a lower learning rate");
      }
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  });
  return ranges;
}

}  // namespace thimble::quantize
