#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace thimble::deploy {

/// The largest magnitudes that a layer's sums of int8 inputs times int8 weights can reach.
struct SumBound {
  int64_t sum = 0;
  int64_t with_bias = 0;
};

/// Of all output channels: those are axis 0 of `weights`. Inputs with their offset are at most 255. `bias`
/// may be null.
SumBound sum_bound(const Tensor& weights, const Tensor* bias);

}  // namespace thimble::deploy
