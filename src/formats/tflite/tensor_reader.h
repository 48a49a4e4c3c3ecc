#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/tflite/reader_errors.h"
#include "graph/graph.h"
#include "schema_generated.h"

namespace thimble::tflite {

/// A name from a file with everything but printable ASCII replaced: names end in other files and in
/// terminals.
std::string printable(const flatbuffers::String* name);

/// Brings the tensors of a model's main subgraph into a Graph, each when an operator first asks for it: those
/// that only hold an operator's parameters (axes, shapes, paddings) never become tensors of the Graph.
class TensorReader {
 public:
  TensorReader(const schema::Model& model, const schema::SubGraph& subgraph, FileInHand& file, Graph& graph);

  /// The tensor in the Graph. Throws Unsupported for a type or form that no Graph holds.
  TensorId tensor(int32_t index);
  /// The tensor as an operator's result, which it may be once.
  TensorId result(int32_t index);
  /// A constant weight for an operator with such activations: float32 from integers where they are float32.
  TensorId weight(int32_t index, DataType activations);
  /// Makes tensor `result` the float32 constant that the constant `index` (float16, int8 or int4) stands for.
  void dequantize_constant(int32_t index, int32_t result);

  /// Extents, each in [1, 2^30], of at most 2^31 - 1 elements; a scalar has one axis.
  Shape shape(int32_t index) const;
  DataType type(int32_t index) const;
  bool is_constant(int32_t index) const;
  /// uint8 is TensorFlow Lite's older quantization, which is read at the ends of an int8 network alone.
  bool is_uint8(int32_t index) const;
  /// An int32 or int64 tensor without a scale, as shapes and their parts are.
  bool is_plain_integer(int32_t index) const;
  /// An operator's parameters: the elements of an int32 or int64 constant.
  std::vector<int64_t> integers(int32_t index) const;
  std::string name(int32_t index) const;

 private:
  const schema::Tensor& at(int32_t index) const;
  const flatbuffers::Vector<uint8_t>* data(int32_t index) const;
  std::optional<Quantization> quantization(int32_t index) const;
  Tensor read(int32_t index) const;
  Tensor dequantized(const Tensor& integers);
  Tensor widened_halves(int32_t index);

  const schema::Model& model_;
  const schema::SubGraph& subgraph_;
  FileInHand& file_;
  Graph& graph_;
  std::vector<TensorId> ids_;              ///< by index in the file; kNoTensor: not asked for yet
  std::vector<TensorId> dequantized_ids_;  ///< likewise, the float32 form of an integer weight
  std::vector<bool> computed_;             ///< by index in the file
};

}  // namespace thimble::tflite
