#pragma once

#include "graph/graph.h"

namespace thimble::train {

/// What a classifier's loss takes: the argument of a softmax over all classes at the end (a reshape may
/// follow it), times its beta, or the output itself. One number a class, in any shape.
struct Logits {
  TensorId tensor = kNoTensor;
  double scale = 1;
};
Logits logits_of(const Graph& graph);

}  // namespace thimble::train
