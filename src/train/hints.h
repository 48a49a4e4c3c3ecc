#pragma once

#include "graph/graph.h"
#include "train/options.h"

namespace thimble::train {

/// What a hint compares, in each of the two networks.
struct HintTensors {
  TensorId student = 0;
  TensorId teacher = 0;
};

/// Throws Error when a network has no such layer, and when the outputs differ in more than their channels.
HintTensors hint_tensors(const LayerHint& hint, const Graph& student, const Graph& teacher);

}  // namespace thimble::train
