#include "graph/fuse_activations.h"

#include <algorithm>

namespace thimble {
namespace {

Activation activation_of(const Operator& op) {
  if (std::holds_alternative<Relu>(op)) return Activation::kRelu;
  if (std::holds_alternative<Relu6>(op)) return Activation::kRelu6;
  return Activation::kNone;
}

}  // namespace

Graph fuse_activations(const Graph& graph) {
  Graph result = graph;
  const auto producer = producers(graph);
  const auto readers = consumers(graph);
  std::vector<bool> fused(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Activation activation = activation_of(graph.nodes[n].op);
    if (activation == Activation::kNone) continue;
    const TensorId x = graph.nodes[n].inputs[0];
    const int32_t before = producer[static_cast<size_t>(x)];
    const bool is_output = std::find(graph.outputs.begin(), graph.outputs.end(), x) != graph.outputs.end();
    if (before < 0 || readers[static_cast<size_t>(x)].size() != 1 || is_output) continue;
    Node& target = result.nodes[static_cast<size_t>(before)];
    // A target that has taken one activation already computes another tensor than x.
    if (target.outputs[0] != x || fused_activation(target.op) != Activation::kNone) continue;
    if (!set_fused_activation(target.op, activation)) continue;
    target.outputs = graph.nodes[n].outputs;
    fused[n] = true;
  }
  std::vector<Node> nodes;
  for (size_t n = 0; n < result.nodes.size(); ++n) {
    if (!fused[n]) nodes.push_back(std::move(result.nodes[n]));
  }
  result.nodes = std::move(nodes);
  return remove_unused(result);
}

}  // namespace thimble
