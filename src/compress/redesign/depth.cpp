#include "compress/redesign/depth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "base/error.h"

namespace thimble::redesign {
namespace {

/// The only node that reads a tensor which is no output of the network, or nullptr.
const Node* only_reader(const Graph& graph, const std::vector<std::vector<int32_t>>& readers, TensorId id) {
  const auto& nodes = readers[static_cast<size_t>(id)];
  if (nodes.size() != 1 || std::ranges::count(graph.outputs, id) > 0) return nullptr;
  return &graph.nodes[static_cast<size_t>(nodes[0])];
}

bool is_relu(const Node* node) {
  return node != nullptr &&
         (std::holds_alternative<Relu>(node->op) || std::holds_alternative<Relu6>(node->op));
}
bool is_norm(const Node* node) { return node != nullptr && std::holds_alternative<BatchNorm>(node->op); }

/// A layer with what belongs to it: a batch norm and a Relu or Relu6 that alone read it.
struct Unit {
  const Node* layer = nullptr;
  const Node* norm = nullptr;        ///< or nullptr
  const Node* activation = nullptr;  ///< or nullptr: none, or a fused one
  TensorId output = kNoTensor;
};

Unit unit_of(const Graph& graph, const std::vector<std::vector<int32_t>>& readers, const Node& layer) {
  Unit unit{&layer, nullptr, nullptr, layer.outputs[0]};
  const auto next = [&] { return only_reader(graph, readers, unit.output); };
  if (is_norm(next())) {
    unit.norm = next();
    unit.output = unit.norm->outputs[0];
  }
  if (is_relu(next())) {
    unit.activation = next();
    unit.output = unit.activation->outputs[0];
  }
  return unit;
}

/// The layer that gives its input again: a convolution of the same window, or a dense layer.
TensorId append_identity(Graph& graph, const Node& like, TensorId x, const std::string& name) {
  const auto channels = static_cast<size_t>(graph.tensor(x).shape.back());
  const Shape window = graph.tensor(like.inputs[1]).shape;
  Shape shape = {static_cast<int32_t>(channels), static_cast<int32_t>(channels)};
  Operator op = FullyConnected{};
  size_t places = 1;
  size_t middle = 0;
  if (std::holds_alternative<Conv2D>(like.op)) {
    const int32_t top = (window[1] - 1) / 2;
    const int32_t left = (window[2] - 1) / 2;
    op = Conv2D{.padding = {top, window[1] - 1 - top, left, window[2] - 1 - left}};
    shape = {shape[0], window[1], window[2], shape[1]};
    places = static_cast<size_t>(window[1]) * static_cast<size_t>(window[2]);
    middle = static_cast<size_t>(top) * static_cast<size_t>(window[2]) + static_cast<size_t>(left);
  }
  set_fused_activation(op, fused_activation(like.op));
  std::vector<float> weights(channels * places * channels, 0);
  for (size_t c = 0; c < channels; ++c) weights[(c * places + middle) * channels + c] = 1;
  std::vector<TensorId> inputs = {x, add_constant(graph, name + "_weights", shape, weights)};
  if (like.inputs.size() == 3) {
    inputs.push_back(add_constant(graph, name + "_bias", {shape[0]}, std::vector<float>(channels, 0)));
  }
  return graph.append(op, inputs, name);
}

/// Layers that an identity can follow unnoticed.
std::vector<Unit> deepenable(const Graph& graph) {
  const auto readers = consumers(graph);
  std::vector<Unit> units;
  for (const Node& node : graph.nodes) {
    const auto* conv = std::get_if<Conv2D>(&node.op);
    const bool is_layer =
        (conv != nullptr && conv->groups == 1) || std::holds_alternative<FullyConnected>(node.op);
    if (!is_layer || !graph.tensor(node.inputs[1]).is_constant()) continue;
    // A fused activation ends the layer.
    const bool is_fused = fused_activation(node.op) != Activation::kNone;
    const Unit unit =
        is_fused ? Unit{&node, nullptr, nullptr, node.outputs[0]} : unit_of(graph, readers, node);
    const bool is_output = std::ranges::count(graph.outputs, unit.output) > 0;
    if (!is_output && (is_fused || unit.activation != nullptr)) units.push_back(unit);
  }
  return units;
}

/// Something that can leave: whoever reads `to` can read `from`, of the same shape, instead.
struct Removable {
  TensorId from, to;
};

/// Whether `id` is computed from `from`.
bool depends_on(const Graph& graph, const std::vector<int32_t>& producer, TensorId id, TensorId from) {
  std::vector<TensorId> open = {id};
  std::vector<bool> seen(graph.tensors.size(), false);
  while (!open.empty()) {
    const TensorId now = open.back();
    open.pop_back();
    if (now == from) return true;
    const int32_t node = producer[static_cast<size_t>(now)];
    if (node < 0 || seen[static_cast<size_t>(now)]) continue;
    seen[static_cast<size_t>(now)] = true;
    const auto& inputs = graph.nodes[static_cast<size_t>(node)].inputs;
    open.insert(open.end(), inputs.begin(), inputs.end());
  }
  return false;
}

/// A sum with its own input, and the activation function behind it where the input has passed the same.
std::optional<Removable> residual_block(const Graph& graph, const std::vector<int32_t>& producer,
                                        const std::vector<std::vector<int32_t>>& readers, const Node& sum) {
  const Shape& shape = graph.tensor(sum.outputs[0]).shape;
  for (const size_t i : {0, 1}) {
    const TensorId from = sum.inputs[i];
    const TensorId branch = sum.inputs[1 - i];
    const int32_t before = producer[static_cast<size_t>(from)];
    if (before < 0 || branch == from || graph.tensor(from).shape != shape ||
        !depends_on(graph, producer, branch, from)) {
      continue;
    }
    const Node* after = only_reader(graph, readers, sum.outputs[0]);
    const bool repeats =
        is_relu(after) && after->op.index() == graph.nodes[static_cast<size_t>(before)].op.index();
    return Removable{from, repeats ? after->outputs[0] : sum.outputs[0]};
  }
  return std::nullopt;
}

/// Layers of a chain that keep the shape. What is joined with something else belongs to a block.
std::optional<Removable> repeated_layer(const Graph& graph, const std::vector<std::vector<int32_t>>& readers,
                                        const Node& layer) {
  const Unit unit = unit_of(graph, readers, layer);
  const TensorId from = layer.inputs[0];
  const Node* reader = only_reader(graph, readers, unit.output);
  if (reader == nullptr || only_reader(graph, readers, from) == nullptr) return std::nullopt;
  const bool is_joined =
      std::ranges::count_if(reader->inputs, [&](TensorId id) { return !graph.tensor(id).is_constant(); }) > 1;
  if (is_joined || std::ranges::count(graph.inputs, from) > 0 ||
      graph.tensor(from).shape != graph.tensor(unit.output).shape) {
    return std::nullopt;
  }
  return Removable{from, unit.output};
}

std::vector<Removable> removables(const Graph& graph) {
  const auto producer = producers(graph);
  const auto readers = consumers(graph);
  std::vector<Removable> found;
  for (const Node& node : graph.nodes) {
    std::optional<Removable> one;
    if (std::holds_alternative<Add>(node.op)) one = residual_block(graph, producer, readers, node);
    if (std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<DepthwiseConv2D>(node.op)) {
      one = repeated_layer(graph, readers, node);
    }
    if (one && std::ranges::count(graph.outputs, one->to) == 0) found.push_back(*one);
  }
  // The layers of a block leave with it.
  const std::vector<Removable> all = found;
  std::erase_if(found, [&](const Removable& inner) {
    return std::ranges::any_of(all, [&](const Removable& outer) {
      return inner.to != outer.to && depends_on(graph, producer, outer.to, inner.to) &&
             depends_on(graph, producer, inner.from, outer.from);
    });
  });
  return found;
}

}  // namespace

WithNewLayers deepen(const Graph& graph, double factor) {
  const std::vector<Unit> units = deepenable(graph);
  const auto n = static_cast<double>(units.size());
  const auto extra = static_cast<size_t>(std::lround((factor - 1) * n));
  if (extra == 0) {
    throw Error(graph.name,
                fmt::format("has {} layers with a Relu, and a depth of {} adds none", units.size(), factor),
                "Take a larger factor");
  }
  std::map<TensorId, size_t> new_layers;  // behind each unit
  for (size_t u = 0; u < units.size(); ++u) {
    new_layers[units[u].output] = (u + 1) * extra / units.size() - u * extra / units.size();
  }
  WithNewLayers result{graph, {}};
  Graph& g = result.graph;
  g.nodes.clear();
  std::map<TensorId, TensorId> now;  // what is read in the place of a unit's output
  for (Node node : graph.nodes) {
    for (TensorId& id : node.inputs) {
      if (const auto found = now.find(id); found != now.end()) id = found->second;
    }
    const TensorId output = node.outputs[0];
    g.nodes.push_back(std::move(node));
    const auto wanted = new_layers.find(output);
    if (wanted == new_layers.end()) continue;
    const Unit& unit = *std::ranges::find(units, output, &Unit::output);
    TensorId x = output;
    for (size_t i = 0; i < wanted->second; ++i) {
      const auto name = [&](const char* part) {
        return unused_name(graph, fmt::format("{}_deeper_{}{}", unit.layer->name, i + 1, part));
      };
      x = append_identity(g, *unit.layer, x, name(""));
      if (unit.norm != nullptr) {
        result.norms.push_back(name("_norm"));
        x = append_identity_norm(g, x, result.norms.back());
      }
      if (unit.activation != nullptr) x = g.append(unit.activation->op, {x}, name("_relu"));
    }
    now[output] = x;
  }
  validate(g);
  return result;
}

Graph shorten(const Graph& graph, double factor) {
  std::map<Shape, std::vector<Removable>> repeats;
  for (const Removable& one : removables(graph)) repeats[graph.tensor(one.to).shape].push_back(one);
  std::map<TensorId, TensorId> instead;
  for (const auto& [shape, ones] : repeats) {
    const auto stay = static_cast<size_t>(std::ceil(factor * static_cast<double>(ones.size()) - 1e-9));
    for (size_t i = stay; i < ones.size(); ++i) instead[ones[i].to] = ones[i].from;
  }
  if (instead.empty()) {
    throw Error(graph.name,
                fmt::format("has nothing that repeats so often that a depth of {} shortens it", factor),
                "Take a smaller factor, or reduce the width");
  }
  Graph result = graph;
  for (Node& node : result.nodes) {
    for (TensorId& id : node.inputs) {
      for (auto found = instead.find(id); found != instead.end(); found = instead.find(id))
        id = found->second;
    }
  }
  result = remove_unused(result);
  validate(result);
  return result;
}

}  // namespace thimble::redesign
