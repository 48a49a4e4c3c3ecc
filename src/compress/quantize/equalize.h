#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace thimble::quantize {

struct Equalization {
  Graph graph;
  std::vector<std::string> pairs;    ///< "conv_1 > conv_2"
  std::vector<std::string> skipped;  ///< pairs with a Relu6 between them, whose bound is not scaled along
};

/// Cross-layer equalization (Nagel et al., "Data-free quantization", ICCV 2019, section 4.1): where a layer's
/// output is read by one other layer alone, through nothing or a Relu, each channel is scaled up in one and
/// down in the other until its weights reach equally far in both. The graph computes the same to float32
/// rounding. `graph` has fused activations and no batch norms.
Equalization equalize(const Graph& graph);

}  // namespace thimble::quantize
