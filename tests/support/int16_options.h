#pragma once

#include "base/random.h"
#include "graph/quantize_from_ranges.h"

namespace thimble::test {

/// int16 activations wherever kernels compute them, but for a quarter of the nodes, which keep int8.
inline QuantizeOptions int16_options(const Graph& graph, Random random) {
  QuantizeOptions options;
  options.activations = 16;
  for (const Node& node : graph.nodes) {
    if (!has_int16_form(node.op) || random.below(4) == 0) options.layer_activations[node.name] = 8;
  }
  return options;
}

}  // namespace thimble::test
