#include "train/logits.h"

#include <ranges>

namespace thimble::train {

Logits logits_of(const Graph& graph) {
  TensorId end = graph.outputs[0];
  for (const Node& node : std::views::reverse(graph.nodes)) {
    if (node.outputs[0] != end) continue;
    if (const auto* softmax = std::get_if<Softmax>(&node.op)) {
      const Shape& shape = graph.tensor(end).shape;
      if (static_cast<size_t>(shape.back()) == element_count(shape)) return {node.inputs[0], softmax->beta};
    }
    if (!std::holds_alternative<Reshape>(node.op)) break;
    end = node.inputs[0];
  }
  return {graph.outputs[0]};
}

}  // namespace thimble::train
