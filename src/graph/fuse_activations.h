#pragma once

#include "graph/graph.h"

namespace thimble {

/// Moves every Relu and Relu6 whose input nobody else reads into the operator that computes that input, where
/// it can fuse an activation: one kernel fewer, and in integers one rounding fewer.
Graph fuse_activations(const Graph& graph);

}  // namespace thimble
