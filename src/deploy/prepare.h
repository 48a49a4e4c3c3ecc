#pragma once

#include "graph/graph.h"

namespace thimble::deploy {

/// The graph as a device should run it: float32 with batch norms folded and activations fused; an integer
/// graph as it is, since there every rewrite would round differently.
Graph prepare(const Graph& graph);

}  // namespace thimble::deploy
