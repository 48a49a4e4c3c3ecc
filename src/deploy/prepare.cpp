#include "deploy/prepare.h"

#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"

namespace thimble::deploy {

Graph prepare(const Graph& graph) {
  return is_quantized(graph) ? graph : fuse_activations(fold_batch_norm(graph));
}

}  // namespace thimble::deploy
