#include "deploy/sum_bound.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "graph/quantize_from_ranges.h"

namespace thimble::deploy {

SumBound sum_bound(const Tensor& weights, const Tensor* bias) {
  const std::vector<int8_t> values = int8_values(weights);
  const size_t channels = static_cast<size_t>(weights.shape[0]);
  const size_t taps = values.size() / channels;
  SumBound bound;
  for (size_t o = 0; o < channels; ++o) {
    int64_t sum = 0;
    for (size_t i = 0; i < taps; ++i) sum += 255 * std::abs(int64_t{values[o * taps + i]});
    bound.sum = std::max(bound.sum, sum);
    const int64_t offset = bias != nullptr ? std::abs(int64_t{bias->values<int32_t>()[o]}) : 0;
    bound.with_bias = std::max(bound.with_bias, sum + offset);
  }
  return bound;
}

}  // namespace thimble::deploy
