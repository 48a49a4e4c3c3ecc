#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"

namespace thimble::train {

/// Makes a float32 network compute with the values that its integer form can hold ("fake quantization", Jacob
/// et al., CVPR 2018): each value of a tensor becomes scale * clamp(round(value / scale), lowest, highest)
/// before anybody reads it. Zero is exact.
struct FakeQuantizer {
  std::vector<TensorId> tensors;  ///< that have these scales: activations, or weights
  std::vector<float> scales;      ///< one, or one for each index along `axis`
  int32_t axis = -1;              ///< -1: one scale; otherwise the first or the last axis
  int32_t lowest = -128;          ///< integers less the zero point
  int32_t highest = 127;
  bool is_learned = true;  ///< training moves the scales (Esser et al., "Learned step size quantization",
                           ///< ICLR 2020); otherwise it leaves them as they are
};

/// A float32 network and what is rounded in it.
struct FakeQuantizedGraph {
  Graph graph;
  std::vector<FakeQuantizer> quantizers;
};

}  // namespace thimble::train
