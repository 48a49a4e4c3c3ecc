#include "compress/quantize/fake_quantized.h"

#include <algorithm>
#include <bit>
#include <map>
#include <tuple>

#include "graph/lookup_table.h"

namespace thimble::quantize {
namespace {

/// Whether the operator's integer form gives values that were among its inputs' already.
bool only_moves(const Operator& op) {
  return std::holds_alternative<MaxPool2D>(op) || std::holds_alternative<Reshape>(op) ||
         std::holds_alternative<Pad>(op) || std::holds_alternative<Transpose>(op) ||
         std::holds_alternative<Slice>(op) || std::holds_alternative<ResizeNearest>(op) ||
         std::holds_alternative<Concat>(op) || std::holds_alternative<Maximum>(op) ||
         std::holds_alternative<Minimum>(op);
}

const Node& node_named(const Graph& graph, const std::string& name) {
  return *std::ranges::find(graph.nodes, name, &Node::name);
}

/// The quantizer of a layer's weights. Layers that share weights share it where they round alike; one that
/// rounds otherwise gets weights of its own.
void add_weights(train::FakeQuantizedGraph& network, Node& node, const Quantization& quantization) {
  const int32_t largest = largest_weight(quantization.bits);
  const auto rounds = [&](const train::FakeQuantizer& q) {
    return std::ranges::count(q.tensors, node.inputs[1]) > 0;
  };
  const auto other = std::ranges::find_if(network.quantizers, rounds);
  if (other != network.quantizers.end()) {
    if (other->highest == largest && other->axis == quantization.axis) return;
    Tensor own = network.graph.tensor(node.inputs[1]);
    own.name = node.name + "_own_" + own.name;
    node.inputs[1] = network.graph.add(std::move(own));
  }
  network.quantizers.push_back(
      {{node.inputs[1]}, quantization.scales, quantization.axis, -largest, largest, true});
}

}  // namespace

train::FakeQuantizedGraph fake_quantized(const Graph& graph, const Graph& integer) {
  train::FakeQuantizedGraph network{graph, {}};
  const std::vector<TensorId> groups = scale_groups(graph);
  // Tensors of one group share a quantizer, unless their integer forms differ after all.
  std::map<std::tuple<TensorId, float, int32_t>, size_t> shared;
  const auto add = [&](TensorId id, bool is_learned) {
    const Quantization& q = *integer.tensor(id).quantization;
    const auto key = std::tuple(groups[static_cast<size_t>(id)], q.scales[0], q.zero_points[0]);
    const auto [entry, is_new] = shared.try_emplace(key, network.quantizers.size());
    if (is_new) {
      const int32_t highest = largest_weight(q.bits);
      const int32_t lowest = q.bits == 16 ? -highest : -highest - 1;  // symmetric, as its range is
      network.quantizers.push_back(
          {{}, q.scales, -1, lowest - q.zero_points[0], highest - q.zero_points[0], true});
    }
    train::FakeQuantizer& quantizer = network.quantizers[entry->second];
    if (std::ranges::count(quantizer.tensors, id) == 0) quantizer.tensors.push_back(id);
    quantizer.is_learned = quantizer.is_learned && is_learned;
  };
  for (const TensorId id : graph.inputs) add(id, false);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const bool weighted = has_weights(node.op);
    if (weighted) {
      const Node& form = node_named(integer, node.name);
      add_weights(network, network.graph.nodes[n], *integer.tensor(form.inputs[1]).quantization);
    }
    for (const TensorId id : node.inputs) {
      if (!weighted && graph.tensor(id).is_constant()) add(id, false);
    }
    if (!only_moves(node.op)) add(node.outputs[0], !fixed_quantization(node.op, DataType::kInt8));
  }
  return network;
}

QuantizeOptions with_scales_of(const train::FakeQuantizedGraph& network, QuantizeOptions options) {
  for (const Node& node : network.graph.nodes) {
    if (!has_weights(node.op)) continue;
    const auto& quantizer = *std::ranges::find_if(network.quantizers, [&](const train::FakeQuantizer& q) {
      return std::ranges::count(q.tensors, node.inputs[1]) > 0;
    });
    const int32_t bits = std::bit_width(static_cast<uint32_t>(quantizer.highest)) + 1;
    options.layers[node.name] = {bits, quantizer.scales};
  }
  return options;
}

Graph integer_form(const train::FakeQuantizedGraph& network, const QuantizeOptions& options) {
  const Graph& graph = network.graph;
  const std::vector<TensorId> groups = scale_groups(graph);
  std::map<TensorId, Range> range_of_group;
  for (const train::FakeQuantizer& quantizer : network.quantizers) {
    const float scale = quantizer.scales[0];
    const Range range{scale * static_cast<float>(quantizer.lowest),
                      scale * static_cast<float>(quantizer.highest)};
    for (const TensorId id : quantizer.tensors) range_of_group[groups[static_cast<size_t>(id)]] = range;
  }
  std::vector<Range> ranges(graph.tensors.size());
  const auto take_group_s = [&](TensorId id) {
    const auto range = range_of_group.find(groups[static_cast<size_t>(id)]);
    if (range != range_of_group.end()) ranges[static_cast<size_t>(id)] = range->second;
    return range != range_of_group.end();
  };
  for (const TensorId id : graph.inputs) take_group_s(id);
  for (const Node& node : graph.nodes) {
    for (const TensorId id : node.inputs) {
      if (graph.tensor(id).is_constant()) take_group_s(id);
    }
    const TensorId output = node.outputs[0];
    if (take_group_s(output) || !only_moves(node.op)) continue;
    // It joins what operators fix, each at another scale.
    Range& joined = range_of_group[groups[static_cast<size_t>(output)]];
    for (const TensorId id : node.inputs) {
      const Range& range = ranges[static_cast<size_t>(id)];
      joined = {std::min(joined.low, range.low), std::max(joined.high, range.high)};
    }
    take_group_s(output);
  }
  return quantize_from_ranges(graph, ranges, with_scales_of(network, options));
}

}  // namespace thimble::quantize
