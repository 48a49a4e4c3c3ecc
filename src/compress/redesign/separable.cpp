#include "compress/redesign/separable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "graph/quantize_from_ranges.h"

namespace thimble::redesign {
namespace {

/// Whether it is a dense convolution over a window, with weights that are known.
bool can_be_separated(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<Conv2D>(&node.op);
  if (conv == nullptr || conv->groups != 1 || !graph.tensor(node.inputs[1]).is_constant()) return false;
  const Shape& weights = graph.tensor(node.inputs[1]).shape;
  return weights[1] * weights[2] > 1;
}

/// For each node, whether a layer with weights comes before it.
std::vector<bool> behind_layers(const Graph& graph) {
  std::vector<bool> is_behind(graph.tensors.size(), false);
  std::vector<bool> behind;
  for (const Node& node : graph.nodes) {
    behind.push_back(std::ranges::any_of(
        node.inputs, [&](TensorId id) { return id != kNoTensor && is_behind[static_cast<size_t>(id)]; }));
    for (const TensorId id : node.outputs)
      is_behind[static_cast<size_t>(id)] = behind.back() || has_weights(node.op);
  }
  return behind;
}

std::vector<bool> chosen_nodes(const Graph& graph, std::span<const std::string> layers) {
  std::vector<bool> chosen(graph.nodes.size(), false);
  for (const std::string& name : layers) {
    const auto found = std::ranges::find(graph.nodes, name, &Node::name);
    if (found == graph.nodes.end() || !can_be_separated(graph, *found)) {
      throw Error(fmt::format("The layer '{}'", name),
                  found == graph.nodes.end() ? "is not in the network"
                                             : "is no dense convolution over more than one place",
                  "Name convolutions with a window, or none for all of them");
    }
    chosen[static_cast<size_t>(found - graph.nodes.begin())] = true;
  }
  if (!layers.empty()) return chosen;
  const std::vector<bool> behind = behind_layers(graph);
  for (size_t n = 0; n < chosen.size(); ++n) chosen[n] = can_be_separated(graph, graph.nodes[n]) && behind[n];
  if (std::ranges::count(chosen, true) == 0) {
    throw Error(graph.name, "has no convolution to make separable",
                "Take a network with dense convolutions over more than one place");
  }
  return chosen;
}

/// Relu6 where the layer, or what alone reads it past a batch norm, is one; otherwise Relu.
bool is_followed_by_relu6(const Graph& graph, const std::vector<std::vector<int32_t>>& readers,
                          const Node& layer) {
  if (fused_activation(layer.op) == Activation::kRelu6) return true;
  const Node* node = &layer;
  while (readers[static_cast<size_t>(node->outputs[0])].size() == 1) {
    node = &graph.nodes[static_cast<size_t>(readers[static_cast<size_t>(node->outputs[0])][0])];
    if (std::holds_alternative<Relu6>(node->op)) return true;
    if (!std::holds_alternative<BatchNorm>(node->op)) return false;
  }
  return false;
}

/// Weights of the depthwise and of the 1x1 convolution: (1, KH, KW, I) and (O, 1, 1, I).
struct Factors {
  std::vector<float> depthwise, pointwise;
};

Factors factorize(const Tensor& weights) {
  const auto values = weights.values<float>();
  const auto outputs = static_cast<size_t>(weights.shape[0]);
  const auto inputs = static_cast<size_t>(weights.shape[3]);
  const size_t window = values.size() / outputs / inputs;
  Factors factors{std::vector<float>(window * inputs), std::vector<float>(outputs * inputs)};
  std::vector<double> matrix(outputs * window);
  for (size_t i = 0; i < inputs; ++i) {
    for (size_t row = 0; row < matrix.size(); ++row) matrix[row] = values[row * inputs + i];
    const RankOne factor = rank_one(matrix, window);
    for (size_t k = 0; k < window; ++k) {
      factors.depthwise[k * inputs + i] = static_cast<float>(factor.right[k]);
    }
    for (size_t o = 0; o < outputs; ++o) {
      factors.pointwise[o * inputs + i] = static_cast<float>(factor.left[o]);
    }
  }
  return factors;
}

}  // namespace

RankOne rank_one(std::span<const double> matrix, size_t columns) {
  const size_t rows = matrix.size() / columns;
  std::vector<double> gram(columns * columns, 0);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = 0; i < columns; ++i) {
      for (size_t j = 0; j < columns; ++j) {
        gram[i * columns + j] += matrix[r * columns + i] * matrix[r * columns + j];
      }
    }
  }
  // Power iteration, from the longest column of the Gram matrix: it is not orthogonal to what is sought.
  const auto norm = [](const std::vector<double>& v) {
    double squares = 0;
    for (const double x : v) squares += x * x;
    return std::sqrt(squares);
  };
  RankOne result{std::vector<double>(rows, 0), std::vector<double>(columns, 0)};
  std::vector<double>& right = result.right;
  size_t longest = 0;
  for (size_t i = 1; i < columns; ++i) {
    if (gram[i * columns + i] > gram[longest * columns + longest]) longest = i;
  }
  for (size_t j = 0; j < columns; ++j) right[j] = gram[longest * columns + j];
  double length = norm(right);
  if (length == 0) return result;
  for (double& x : right) x /= length;
  // Where two singular values are nearly equal it is slow, and either vector is as good.
  constexpr int kMostIterations = 1000;
  std::vector<double> next(columns);
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    for (size_t i = 0; i < columns; ++i) {
      next[i] = 0;
      for (size_t j = 0; j < columns; ++j) next[i] += gram[i * columns + j] * right[j];
    }
    length = norm(next);
    double change = 0;
    for (size_t i = 0; i < columns; ++i) {
      next[i] /= length;
      change = std::max(change, std::abs(next[i] - right[i]));
    }
    std::swap(next, right);
    if (change < 1e-12) break;
  }
  double sum = 0;
  for (const double x : right) sum += x;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t k = 0; k < columns; ++k) result.left[r] += matrix[r * columns + k] * right[k];
  }
  const double scale = std::sqrt(norm(result.left)) * (sum < 0 ? -1 : 1);
  for (double& x : result.left) x /= scale;
  for (double& x : right) x *= scale;
  return result;
}

WithNewLayers separable(const Graph& graph, std::span<const std::string> layers, bool activation_between) {
  const std::vector<bool> chosen = chosen_nodes(graph, layers);
  const auto readers = consumers(graph);
  WithNewLayers result{graph, {}};
  Graph& g = result.graph;
  const std::vector<Node> before = std::move(g.nodes);
  g.nodes = {};
  for (size_t n = 0; n < before.size(); ++n) {
    const Node& node = before[n];
    if (!chosen[n]) {
      g.nodes.push_back(node);
      continue;
    }
    const auto& conv = std::get<Conv2D>(node.op);
    const Shape shape = graph.tensor(node.inputs[1]).shape;
    const Factors factors = factorize(graph.tensor(node.inputs[1]));
    const auto name = [&](const char* part) { return unused_name(graph, node.name + part); };
    const std::string depthwise = name("_depthwise");
    DepthwiseConv2D op{.stride_h = conv.stride_h,
                       .stride_w = conv.stride_w,
                       .dilation_h = conv.dilation_h,
                       .dilation_w = conv.dilation_w};
    op.padding = conv.padding;
    const TensorId filters =
        add_constant(g, depthwise + "_weights", {1, shape[1], shape[2], shape[3]}, factors.depthwise);
    TensorId x = g.append(op, {node.inputs[0], filters}, depthwise);
    result.norms.push_back(name("_depthwise_norm"));
    x = append_identity_norm(g, x, result.norms.back());
    if (activation_between) {
      const bool is_relu6 = is_followed_by_relu6(graph, readers, node);
      x = g.append(is_relu6 ? Operator(Relu6{}) : Operator(Relu{}), {x}, name("_depthwise_relu"));
    }
    std::vector<TensorId> inputs = node.inputs;
    inputs[0] = x;
    inputs[1] =
        add_constant(g, node.name + "_pointwise_weights", {shape[0], 1, 1, shape[3]}, factors.pointwise);
    g.nodes.push_back({node.name, Conv2D{.activation = conv.activation}, inputs, node.outputs});
  }
  g = remove_unused(g);
  validate(g);
  return result;
}

}  // namespace thimble::redesign
