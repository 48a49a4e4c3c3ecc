#include "graph/graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace thimble {

std::string_view name_of(DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return "float32";
    case DataType::kInt64:
      return "int64";
    case DataType::kInt32:
      return "int32";
    case DataType::kInt16:
      return "int16";
    case DataType::kInt8:
      return "int8";
    case DataType::kInt4:
      return "int4";
    case DataType::kUint8:
      return "uint8";
  }
  return "unknown";
}

size_t byte_size(DataType type, size_t elements) {
  switch (type) {
    case DataType::kInt64:
      return elements * 8;
    case DataType::kFloat32:
    case DataType::kInt32:
      return elements * 4;
    case DataType::kInt16:
      return elements * 2;
    case DataType::kInt8:
    case DataType::kUint8:
      return elements;
    case DataType::kInt4:
      return (elements + 1) / 2;
  }
  return 0;
}

size_t element_count(const Shape& shape) {
  size_t count = 1;
  for (const int32_t extent : shape) count *= static_cast<size_t>(extent);
  return count;
}

std::vector<int8_t> int8_values(const Tensor& tensor) {
  if (tensor.type != DataType::kInt4) {
    const auto values = tensor.values<int8_t>();
    return {values.begin(), values.end()};
  }
  std::vector<int8_t> result(tensor.elements());
  for (size_t i = 0; i < result.size(); ++i) {
    const auto byte = std::to_integer<uint8_t>((*tensor.data)[i / 2]);
    const int32_t nibble = i % 2 == 0 ? byte & 0x0F : byte >> 4;
    result[i] = static_cast<int8_t>(nibble >= 8 ? nibble - 16 : nibble);
  }
  return result;
}

std::vector<std::byte> packed_int4(std::span<const int8_t> values) {
  std::vector<std::byte> packed((values.size() + 1) / 2);
  for (size_t i = 0; i < values.size(); ++i) packed[i / 2] |= std::byte(values[i] & 0xF) << (i % 2 * 4);
  return packed;
}

std::string to_string(const Shape& shape) { return fmt::format("{}", fmt::join(shape, "x")); }

TensorId Graph::add(Tensor tensor) {
  tensors.push_back(std::move(tensor));
  return static_cast<TensorId>(tensors.size() - 1);
}

TensorId Graph::append(Operator op, std::vector<TensorId> node_inputs, std::string node_name) {
  std::vector<Shape> shapes;
  for (const TensorId id : node_inputs) shapes.push_back(tensor(id).shape);
  Tensor output;
  output.name = node_name;
  output.shape = infer_shape(op, shapes, node_name);
  output.type = tensor(node_inputs.at(0)).type;
  const TensorId id = add(std::move(output));
  nodes.push_back({std::move(node_name), std::move(op), std::move(node_inputs), {id}});
  return id;
}

std::vector<int32_t> producers(const Graph& graph) {
  std::vector<int32_t> result(graph.tensors.size(), -1);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const TensorId id : graph.nodes[n].outputs)
      result.at(static_cast<size_t>(id)) = static_cast<int32_t>(n);
  }
  return result;
}

std::vector<std::vector<int32_t>> consumers(const Graph& graph) {
  std::vector<std::vector<int32_t>> result(graph.tensors.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (const TensorId id : graph.nodes[n].inputs) {
      auto& readers = result.at(static_cast<size_t>(id));
      if (readers.empty() || readers.back() != static_cast<int32_t>(n))
        readers.push_back(static_cast<int32_t>(n));
    }
  }
  return result;
}

bool is_quantized(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    return graph.tensor(node.outputs.at(0)).type != DataType::kFloat32;
  });
}

namespace {

/// Calls f(tensor) for each constant that some node reads, once.
template <typename F>
void for_each_weight(const Graph& graph, const F& f) {
  const auto readers = consumers(graph);
  for (size_t id = 0; id < graph.tensors.size(); ++id) {
    if (graph.tensors[id].is_constant() && !readers[id].empty()) f(graph.tensors[id]);
  }
}

}  // namespace

size_t parameter_count(const Graph& graph) {
  size_t count = 0;
  for_each_weight(graph, [&](const Tensor& tensor) { count += tensor.elements(); });
  return count;
}

size_t weight_bytes(const Graph& graph) {
  size_t bytes = 0;
  for_each_weight(graph, [&](const Tensor& tensor) { bytes += tensor.bytes(); });
  return bytes;
}

uint64_t mac_count(const Graph& graph, const Node& node) {
  const uint64_t outputs = graph.tensor(node.outputs.at(0)).elements();
  const auto weights = [&]() -> const Shape& { return graph.tensor(node.inputs.at(1)).shape; };
  return std::visit(
      Overload{[&](const Conv2D&) {
                 const Shape& w = weights();
                 return outputs * static_cast<uint64_t>(w[1]) * static_cast<uint64_t>(w[2]) *
                        static_cast<uint64_t>(w[3]);
               },
               [&](const DepthwiseConv2D&) {
                 const Shape& w = weights();
                 return outputs * static_cast<uint64_t>(w[1]) * static_cast<uint64_t>(w[2]);
               },
               [&](const FullyConnected&) { return outputs * static_cast<uint64_t>(weights()[1]); },
               [](const auto&) { return uint64_t{0}; }},
      node.op);
}

uint64_t mac_count(const Graph& graph) {
  uint64_t count = 0;
  for (const Node& node : graph.nodes) count += mac_count(graph, node);
  return count;
}

Graph remove_unused(const Graph& graph) {
  std::vector<bool> needed(graph.tensors.size(), false);
  for (const TensorId id : graph.outputs) needed.at(static_cast<size_t>(id)) = true;
  std::vector<bool> keep_node(graph.nodes.size(), false);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    keep_node[n] =
        std::any_of(node.outputs.begin(), node.outputs.end(), [&](TensorId id) { return needed[id]; });
    if (!keep_node[n]) continue;
    for (const TensorId id : node.inputs) needed[id] = true;
    for (const TensorId id : node.outputs) needed[id] = true;
  }
  for (const TensorId id : graph.inputs) needed.at(static_cast<size_t>(id)) = true;

  Graph result;
  result.name = graph.name;
  result.metadata = graph.metadata;
  std::vector<TensorId> renamed(graph.tensors.size(), kNoTensor);
  for (size_t id = 0; id < graph.tensors.size(); ++id) {
    if (needed[id]) renamed[id] = result.add(graph.tensors[id]);
  }
  const auto rename = [&](std::vector<TensorId> ids) {
    for (TensorId& id : ids) id = renamed[id];
    return ids;
  };
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (keep_node[n]) result.nodes.push_back({node.name, node.op, rename(node.inputs), rename(node.outputs)});
  }
  result.inputs = rename(graph.inputs);
  result.outputs = rename(graph.outputs);
  return result;
}

}  // namespace thimble
