#include <fmt/format.h>

#include <cmath>
#include <set>
#include <string>

#include "base/error.h"
#include "graph/graph.h"

namespace thimble {
namespace {

constexpr std::string_view kRemedy =
    "The model's file is damaged or was written by another program's mistake";

[[noreturn]] void fail(std::string_view kind, std::string_view name, std::string_view reason) {
  throw Error(fmt::format("{} '{}'", kind, name), reason, kRemedy);
}

void check_quantization(const Tensor& tensor) {
  const Quantization& q = *tensor.quantization;
  const auto rank = static_cast<int32_t>(tensor.shape.size());
  if (q.axis < -1 || q.axis >= rank)
    fail("Tensor", tensor.name, fmt::format("is quantized along axis {}", q.axis));
  const size_t expected = q.per_channel() ? static_cast<size_t>(tensor.shape[q.axis]) : 1;
  if (q.scales.size() != expected || q.zero_points.size() != expected) {
    fail("Tensor", tensor.name,
         fmt::format("has {} scales and {} zero points, needs {} of each", q.scales.size(),
                     q.zero_points.size(), expected));
  }
  for (const float scale : q.scales) {
    if (!(scale > 0) || !std::isfinite(scale))
      fail("Tensor", tensor.name, fmt::format("has a scale of {}", scale));
  }
  if (q.bits < 2 || q.bits > 32) fail("Tensor", tensor.name, fmt::format("has integers of {} bits", q.bits));
  for (const int32_t zero_point : q.zero_points) {
    if (tensor.type == DataType::kUint8 && (zero_point < 0 || zero_point > 255)) {
      fail("Tensor", tensor.name, fmt::format("has a zero point of {}", zero_point));
    }
    if (tensor.type == DataType::kInt8 && (zero_point < -128 || zero_point > 127)) {
      fail("Tensor", tensor.name, fmt::format("has a zero point of {}", zero_point));
    }
    if (tensor.type == DataType::kInt16 && zero_point != 0) {
      fail("Tensor", tensor.name, fmt::format("is int16 and has a zero point of {}, not 0", zero_point));
    }
  }
}

void check_tensor(const Tensor& tensor) {
  int64_t elements = 1;
  for (const int32_t extent : tensor.shape) {
    if (extent < 1) fail("Tensor", tensor.name, fmt::format("has shape {}", to_string(tensor.shape)));
    elements *= extent;
    if (elements > INT32_MAX)
      fail("Tensor", tensor.name, fmt::format("has shape {}", to_string(tensor.shape)));
  }
  if (tensor.shape.empty()) fail("Tensor", tensor.name, "has no axes");
  if (tensor.is_constant() && tensor.data->size() != tensor.bytes()) {
    fail("Tensor", tensor.name,
         fmt::format("holds {} bytes, its shape {} needs {}", tensor.data->size(), to_string(tensor.shape),
                     tensor.bytes()));
  }
  if (tensor.quantization) check_quantization(tensor);
}

/// The types of a node's tensors: all float32, or int8 or int16 activations with int8 or int4 weights and a
/// bias of int32 or int64.
void check_types(const Graph& graph, const Node& node) {
  const auto expect = [&](TensorId id, std::initializer_list<DataType> types, bool quantized) {
    const Tensor& tensor = graph.tensor(id);
    bool fits = false;
    for (const DataType type : types) fits = fits || tensor.type == type;
    if (!fits)
      fail(
          "Node", node.name,
          fmt::format("{} cannot take '{}' of type {}", name_of(node.op), tensor.name, name_of(tensor.type)));
    if (quantized && !tensor.quantization)
      fail("Node", node.name, fmt::format("'{}' has no scale", tensor.name));
  };
  using enum DataType;
  const TensorId output = node.outputs[0];
  if (std::holds_alternative<Quantize>(node.op)) {
    // uint8 only meets int8: at the network's ends.
    const DataType from = graph.tensor(node.inputs[0]).type;
    expect(node.inputs[0], {kFloat32, kInt16, kInt8, kUint8}, from != kFloat32);
    if (from == kInt8) expect(output, {kInt16, kInt8, kUint8}, true);
    if (from == kUint8) expect(output, {kInt8}, true);
    if (from == kFloat32 || from == kInt16) expect(output, {kInt16, kInt8}, true);
    return;
  }
  if (std::holds_alternative<Dequantize>(node.op)) {
    expect(node.inputs[0], {kInt16, kInt8}, true);
    expect(output, {kFloat32}, false);
    return;
  }
  const bool weighted = std::holds_alternative<Conv2D>(node.op) ||
                        std::holds_alternative<DepthwiseConv2D>(node.op) ||
                        std::holds_alternative<FullyConnected>(node.op);
  const DataType activation = graph.tensor(output).type;
  const bool integer = activation != kFloat32;
  if (integer && std::holds_alternative<BatchNorm>(node.op)) {
    throw Error(fmt::format("Node '{}'", node.name), "is a batch norm in integers",
                "Fold batch norms before quantizing");
  }
  if (activation == kInt16 && !has_int16_form(node.op)) {
    throw Error(fmt::format("Node '{}'", node.name),
                fmt::format("is a {} of int16 activations, which no kernel computes", name_of(node.op)),
                "Keep this layer's activations at int8: layer_activations in a recipe's quantize stage");
  }
  expect(output, {kFloat32, kInt16, kInt8}, integer);
  expect(node.inputs[0], {activation}, integer);
  if (weighted) {
    if (integer) expect(node.inputs[1], {kInt8, kInt4}, true);
    if (!integer) expect(node.inputs[1], {kFloat32}, false);
    if (node.inputs.size() == 3)
      expect(node.inputs[2], {activation == kInt16 ? kInt64 : integer ? kInt32 : kFloat32}, false);
  } else {
    for (size_t i = 1; i < node.inputs.size(); ++i) expect(node.inputs[i], {activation}, integer);
  }
}

}  // namespace

void validate(const Graph& graph) {
  const auto check_id = [&](TensorId id, std::string_view kind, std::string_view name) {
    if (id < 0 || static_cast<size_t>(id) >= graph.tensors.size()) {
      fail(kind, name, fmt::format("refers to tensor {} of {}", id, graph.tensors.size()));
    }
  };
  for (const Tensor& tensor : graph.tensors) check_tensor(tensor);

  std::vector<bool> computed(graph.tensors.size(), false);
  for (size_t id = 0; id < graph.tensors.size(); ++id) computed[id] = graph.tensors[id].is_constant();
  for (const TensorId id : graph.inputs) {
    check_id(id, "Graph", graph.name);
    if (computed[id])
      fail("Graph", graph.name,
           fmt::format("has '{}' as an input twice, or a constant as input", graph.tensor(id).name));
    computed[id] = true;
  }
  if (graph.inputs.empty() || graph.outputs.empty()) fail("Graph", graph.name, "has no input or no output");

  std::set<std::string_view> names;
  for (const Node& node : graph.nodes) {
    if (node.name.empty() || !names.insert(node.name).second)
      fail("Node", node.name, "shares its name or has none");
    if (node.outputs.size() != 1) fail("Node", node.name, fmt::format("has {} outputs", node.outputs.size()));
    std::vector<Shape> shapes;
    for (const TensorId id : node.inputs) {
      check_id(id, "Node", node.name);
      if (!computed[id])
        fail("Node", node.name, fmt::format("reads '{}' before it is computed", graph.tensor(id).name));
      shapes.push_back(graph.tensor(id).shape);
    }
    if (node.inputs.empty()) fail("Node", node.name, "has no input");
    const TensorId output = node.outputs[0];
    check_id(output, "Node", node.name);
    if (computed[output])
      fail("Node", node.name, fmt::format("computes '{}' a second time", graph.tensor(output).name));
    computed[output] = true;
    const Shape expected = infer_shape(node.op, shapes, node.name);
    if (graph.tensor(output).shape != expected) {
      fail("Node", node.name,
           fmt::format("gives {}, its output is declared as {}", to_string(expected),
                       to_string(graph.tensor(output).shape)));
    }
    check_types(graph, node);
  }
  for (const TensorId id : graph.outputs) {
    check_id(id, "Graph", graph.name);
    if (!computed[id])
      fail("Graph", graph.name, fmt::format("output '{}' is never computed", graph.tensor(id).name));
  }
}

}  // namespace thimble
