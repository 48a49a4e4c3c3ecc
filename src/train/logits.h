#pragma once

#include "graph/graph.h"

namespace thimble::train {

/// What a classifier's loss takes: the argument of a softmax at the end, times its beta, or the output
/// itself.
struct Logits {
  TensorId tensor = kNoTensor;
  double scale = 1;
};
Logits logits_of(const Graph& graph);

}  // namespace thimble::train
