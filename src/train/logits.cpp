#include "train/logits.h"

namespace thimble::train {

Logits logits_of(const Graph& graph) {
  const TensorId output = graph.outputs[0];
  for (const Node& node : graph.nodes) {
    const auto* softmax = std::get_if<Softmax>(&node.op);
    if (softmax != nullptr && node.outputs[0] == output) return {node.inputs[0], softmax->beta};
  }
  return {output};
}

}  // namespace thimble::train
