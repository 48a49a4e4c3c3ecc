#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "graph/graph.h"
#include "graph/quantize_from_ranges.h"

namespace thimble::quantize {

/// How the range of an activation is taken from its values on calibration samples.
enum class RangeRule : uint8_t {
  kMinMax,         ///< the smallest and the largest (Jacob et al., CVPR 2018, section 3)
  kMovingAverage,  ///< the averages of the samples' smallest and largest, the latest counting most (ibid.)
  kPercentile,     ///< percentile_range
  kMse,            ///< least_squares_range
  kEntropy         ///< least_divergence_range
};

/// "min-max", "moving-average", "percentile", "mse", "entropy".
std::string_view name_of(RangeRule rule);
/// Throws Error for another name.
RangeRule range_rule_named(std::string_view name);
std::vector<std::string> range_rule_names();

struct CalibrationOptions {
  RangeRule rule = RangeRule::kMinMax;
  double percentile = 99.99;  ///< of kPercentile, in (50, 100]
  double momentum = 0.99;     ///< of kMovingAverage: what the average keeps from sample to sample
};

/// The range of every activation of a float32 graph over the samples at `indices`, in their order. One entry
/// a tensor; those of constants are empty ranges. An image's range is always 0 to 1, so that its integers are
/// its bytes less 128. Throws Error naming the tensor when a value is not finite, when `indices` is
/// empty, and when the graph does not take the set's samples.
std::vector<Range> calibrate(const Graph& graph, const data::Dataset& dataset,
                             std::span<const size_t> indices, const CalibrationOptions& options = {});

}  // namespace thimble::quantize
