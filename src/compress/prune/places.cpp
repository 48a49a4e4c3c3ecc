#include "compress/prune/places.h"

namespace thimble::prune {

Places find_places(const Graph& graph) {
  Places places;
  for (const Node& node : graph.nodes) {
    const bool is_depthwise = std::holds_alternative<DepthwiseConv2D>(node.op);
    const bool is_convolution = std::holds_alternative<Conv2D>(node.op);
    const bool is_dense = std::holds_alternative<FullyConnected>(node.op);
    if (is_depthwise || is_convolution || is_dense) {
      places.filters.insert({node.inputs[1], is_depthwise ? 3 : 0});
      if (node.inputs.size() == 3) places.biases.insert({node.inputs[2], 0});
    }
    if (is_convolution) places.readers.insert({node.inputs[1], 3});
    if (is_dense) places.readers.insert({node.inputs[1], 1});
    if (std::holds_alternative<BatchNorm>(node.op)) {
      places.gammas.insert({node.inputs[1], 0});
      places.betas.insert({node.inputs[2], 0});
    }
  }
  return places;
}

}  // namespace thimble::prune
