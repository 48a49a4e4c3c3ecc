#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/operators.h"

namespace thimble {

/// uint8 is what some networks take and give at their ends; between them, integers are int8 or int16.
/// int64 holds the biases of int16 layers.
enum class DataType : uint8_t { kFloat32, kInt64, kInt32, kInt16, kInt8, kInt4, kUint8 };

/// "float32", "int64", "int32", "int16", "int8", "int4", "uint8".
std::string_view name_of(DataType type);

/// Bytes that `elements` of a type take: int4 packs two to a byte, low nibble first.
size_t byte_size(DataType type, size_t elements);

/// Product of the extents.
size_t element_count(const Shape& shape);

/// "1x28x28x1".
std::string to_string(const Shape& shape);

/// real = scale * (integer - zero_point). One scale for the tensor, or one for each index along `axis`
/// (TensorFlow Lite int8 quantization specification). int16 has the zero point 0.
struct Quantization {
  std::vector<float> scales;         ///< 1, or shape[axis]; each positive and finite
  std::vector<int32_t> zero_points;  ///< as many as scales
  int32_t axis = -1;                 ///< -1: one scale for the whole tensor
  int32_t bits = 8;                  ///< width of the integers' range: 8 is [-128, 127], 4 is [-8, 7]

  bool per_channel() const { return axis >= 0; }
  bool operator==(const Quantization&) const = default;
};

using TensorId = int32_t;
inline constexpr TensorId kNoTensor = -1;

struct Tensor {
  std::string name = {};
  DataType type = DataType::kFloat32;
  Shape shape = {};
  std::optional<Quantization> quantization = {};
  std::optional<std::vector<std::byte>> data = {};  ///< present: a constant, row-major, little-endian

  bool is_constant() const { return data.has_value(); }
  size_t elements() const { return element_count(shape); }
  size_t bytes() const { return byte_size(type, elements()); }

  /// The constant's elements. T is the type's C++ form (float, int64_t, int32_t, int16_t, int8_t, uint8_t;
  /// int4 has none: unpack it).
  template <typename T>
  std::span<const T> values() const {
    return {reinterpret_cast<const T*>(data->data()), data->size() / sizeof(T)};
  }
  template <typename T>
  std::span<T> values() {
    return {reinterpret_cast<T*>(data->data()), data->size() / sizeof(T)};
  }
  /// A constant's bytes from elements.
  template <typename T>
  static std::vector<std::byte> to_bytes(std::span<const T> elements) {
    const auto bytes = std::as_bytes(elements);
    return {bytes.begin(), bytes.end()};
  }
};

/// The elements of an int8 or int4 constant, one a byte.
std::vector<int8_t> int8_values(const Tensor& tensor);

/// Integers in [-8, 7] as an int4 constant holds them.
std::vector<std::byte> packed_int4(std::span<const int8_t> values);

struct Node {
  std::string name;  ///< unique within the graph and not empty
  Operator op;
  std::vector<TensorId>
      inputs;  ///< in the order that operators.h gives; a bias left out is left out here too
  std::vector<TensorId> outputs;
};

/// A network: tensors, and nodes in topological order. A plain value: stages take it by const reference and
/// return a new one. After building or editing one, `validate` checks everything that the rest relies on.
struct Graph {
  std::string name;
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;
  std::map<std::string, std::string> metadata;  ///< travels with the model's file: "data", "accuracy", ...

  const Tensor& tensor(TensorId id) const { return tensors.at(static_cast<size_t>(id)); }
  Tensor& tensor(TensorId id) { return tensors.at(static_cast<size_t>(id)); }

  TensorId add(Tensor tensor);
  /// Appends a node and its one output tensor, whose type is the first input's and whose shape is inferred.
  /// Throws Error when the shapes do not fit.
  TensorId append(Operator op, std::vector<TensorId> inputs, std::string node_name);
};

/// The node that computes each tensor (an index into graph.nodes), or -1 for inputs and constants.
std::vector<int32_t> producers(const Graph& graph);

/// The nodes that read each tensor, ascending.
std::vector<std::vector<int32_t>> consumers(const Graph& graph);

/// Whether activations are integers: true for a quantized graph.
bool is_quantized(const Graph& graph);

/// Trainable and stored numbers: elements of all constants that nodes read.
size_t parameter_count(const Graph& graph);

/// Bytes of all constants that nodes read.
size_t weight_bytes(const Graph& graph);

/// Multiply-accumulates of one inference: those of convolutions and dense layers (MLPerf Tiny's way of
/// counting).
uint64_t mac_count(const Graph& graph);
uint64_t mac_count(const Graph& graph, const Node& node);

/// The output shape of an operator on inputs of these shapes. Throws Error naming `node_name` when they do
/// not fit: wrong rank or extents, a kernel larger than its padded input, an empty result, more than 2^31 - 1
/// elements.
Shape infer_shape(const Operator& op, std::span<const Shape> inputs, std::string_view node_name);

/// Throws Error, naming the node or tensor, unless: ids are in range; names of nodes are unique; nodes are in
/// topological order and each tensor is computed once; constants have the bytes that their shape and type
/// need; quantizations are complete (positive finite scales, the right count, zero points in range); every
/// output shape is the inferred one; the types of each node's tensors are a combination the operator is
/// defined for.
void validate(const Graph& graph);

/// The graph without tensors that nothing reads or computes and without nodes whose results nobody needs.
Graph remove_unused(const Graph& graph);

}  // namespace thimble
