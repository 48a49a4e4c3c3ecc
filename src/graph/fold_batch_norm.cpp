#include "graph/fold_batch_norm.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

namespace thimble {
namespace {

/// How a layer's weights are addressed by output channel: element i belongs to channel (i / inner) %
/// channels.
struct ChannelLayout {
  size_t channels = 0;
  size_t inner = 0;
};

std::optional<ChannelLayout> channel_layout(const Graph& graph, const Node& layer) {
  if (fused_activation(layer.op) != Activation::kNone) return std::nullopt;
  const bool convolution =
      std::holds_alternative<Conv2D>(layer.op) || std::holds_alternative<FullyConnected>(layer.op);
  if (!convolution && !std::holds_alternative<DepthwiseConv2D>(layer.op)) return std::nullopt;
  const Tensor& weights = graph.tensor(layer.inputs.at(1));
  if (!weights.is_constant() || weights.type != DataType::kFloat32) return std::nullopt;
  if (layer.inputs.size() == 3 && !graph.tensor(layer.inputs[2]).is_constant()) return std::nullopt;
  const auto channels = static_cast<size_t>(convolution ? weights.shape.front() : weights.shape.back());
  return ChannelLayout{channels, convolution ? weights.elements() / channels : 1};
}

TensorId add_constant(Graph& graph, std::string name, const Shape& shape, const std::vector<float>& values) {
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.shape = shape;
  tensor.data = Tensor::to_bytes(std::span<const float>(values));
  return graph.add(std::move(tensor));
}

/// Gives `layer` new weights and a bias that compute layer and norm in one.
void fold(Graph& graph, Node& layer, const Node& norm, const ChannelLayout& layout) {
  const auto parameter = [&](size_t input) { return graph.tensor(norm.inputs.at(input)).values<float>(); };
  const double epsilon = std::get<BatchNorm>(norm.op).epsilon;
  std::vector<double> factor(layout.channels);
  std::vector<float> bias(layout.channels);
  for (size_t c = 0; c < layout.channels; ++c) {
    factor[c] = parameter(1)[c] / std::sqrt(static_cast<double>(parameter(4)[c]) + epsilon);
    const double before = layer.inputs.size() == 3 ? graph.tensor(layer.inputs[2]).values<float>()[c] : 0.0;
    bias[c] = static_cast<float>(parameter(2)[c] + (before - parameter(3)[c]) * factor[c]);
  }
  const Tensor& old_weights = graph.tensor(layer.inputs[1]);
  const auto old_values = old_weights.values<float>();
  std::vector<float> weights(old_values.begin(), old_values.end());
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<float>(weights[i] * factor[(i / layout.inner) % layout.channels]);
  }
  const Shape weights_shape = old_weights.shape;
  const TensorId weights_id = add_constant(graph, old_weights.name, weights_shape, weights);
  const TensorId bias_id =
      add_constant(graph, layer.name + "_bias", {static_cast<int32_t>(layout.channels)}, bias);
  layer.inputs = {layer.inputs[0], weights_id, bias_id};
  layer.outputs = norm.outputs;
}

}  // namespace

Graph fold_batch_norm(const Graph& graph) {
  Graph result = graph;
  const auto producer = producers(graph);
  const auto readers = consumers(graph);
  std::vector<bool> folded(graph.nodes.size(), false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& norm = graph.nodes[n];
    if (!std::holds_alternative<BatchNorm>(norm.op)) continue;
    const TensorId x = norm.inputs[0];
    const int32_t before = producer[static_cast<size_t>(x)];
    const bool is_output = std::find(graph.outputs.begin(), graph.outputs.end(), x) != graph.outputs.end();
    bool constants = true;
    for (size_t i = 1; i < norm.inputs.size(); ++i)
      constants = constants && graph.tensor(norm.inputs[i]).is_constant();
    if (before < 0 || readers[static_cast<size_t>(x)].size() != 1 || is_output || !constants) continue;
    Node& layer = result.nodes[static_cast<size_t>(before)];
    // A layer that has taken one norm already computes another tensor than x.
    if (layer.outputs[0] != x) continue;
    const auto layout = channel_layout(result, layer);
    if (!layout) continue;
    fold(result, layer, norm, *layout);
    folded[n] = true;
  }
  std::vector<Node> nodes;
  for (size_t n = 0; n < result.nodes.size(); ++n) {
    if (!folded[n]) nodes.push_back(std::move(result.nodes[n]));
  }
  result.nodes = std::move(nodes);
  return remove_unused(result);
}

Graph without_batch_norm(const Graph& graph) {
  Graph result = fold_batch_norm(graph);
  std::set<std::string> names;
  for (const Node& node : result.nodes) names.insert(node.name);
  std::vector<Node> nodes;
  for (Node& node : result.nodes) {
    const auto* norm = std::get_if<BatchNorm>(&node.op);
    const bool constants = std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                                       [&](TensorId id) { return result.tensor(id).is_constant(); });
    if (norm == nullptr || !constants) {
      nodes.push_back(std::move(node));
      continue;
    }
    const auto parameter = [&](size_t i, size_t c) {
      return double{result.tensor(node.inputs[i]).values<float>()[c]};
    };
    const Shape channels = result.tensor(node.inputs[1]).shape;
    std::vector<float> factor(element_count(channels));
    std::vector<float> offset(factor.size());
    for (size_t c = 0; c < factor.size(); ++c) {
      const double f = parameter(1, c) / std::sqrt(parameter(4, c) + norm->epsilon);
      factor[c] = static_cast<float>(f);
      offset[c] = static_cast<float>(parameter(2, c) - parameter(3, c) * f);
    }
    const TensorId x = node.inputs[0];
    const TensorId factor_id = add_constant(result, node.name + "_factor", channels, factor);
    const TensorId offset_id = add_constant(result, node.name + "_offset", channels, offset);
    Tensor between = result.tensor(x);
    between.name = node.name + "_scaled";
    const TensorId scaled = result.add(std::move(between));
    std::string name = node.name + "_scale";
    while (!names.insert(name).second) name += "_";
    nodes.push_back({name, Mul{}, {x, factor_id}, {scaled}});
    nodes.push_back({node.name, Add{}, {scaled, offset_id}, node.outputs});
  }
  result.nodes = std::move(nodes);
  return remove_unused(result);
}

}  // namespace thimble
