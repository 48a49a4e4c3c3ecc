#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "schema_generated.h"

namespace thimble::tflite {

/// A constant that holds an operator's parameters: a shape, axes, paddings, or the value to pad with.
struct ParameterTensor {
  std::string name;
  Shape shape;
  std::vector<int32_t> integers;
  /// Set: one element of this tensor's type and quantization, of this real value (or the nearest that the
  /// type has), in place of the integers.
  TensorId like = kNoTensor;
  float value = 0.0F;
};

/// What a node of the Graph becomes, but for its tensors. A convolution or pooling whose padding is neither
/// SAME nor VALID becomes two: the padding, and the operator on its result.
struct WrittenOperator {
  schema::BuiltinOperator code = schema::BuiltinOperator::ADD;
  int32_t version = 1;
  schema::BuiltinOptions options_type = schema::BuiltinOptions::NONE;
  flatbuffers::Offset<void> options;
  std::vector<ParameterTensor> parameters;  ///< further inputs, after the node's own
  bool bias_left_out = false;               ///< write the missing bias as -1
  bool bias_of_zeros = false;  ///< write a missing bias as zeros: TensorFlow Lite's convolutions need one
};

struct WrittenNode {
  std::vector<WrittenOperator> operators;  ///< one, or two with a tensor of `padded` shape between them
  Shape padded;
};

/// The operators of a node, by the versions that TensorFlow Lite's own converter gives them. The output has
/// `output_shape` in the file, which for a dense layer may keep the input's leading axes. Throws Error naming
/// the node where TensorFlow Lite has no such operator.
WrittenNode write_operator(const Graph& graph, const Node& node, const Shape& output_shape,
                           flatbuffers::FlatBufferBuilder& builder);

/// The type that a tensor has in the file: int8 constants of 4 bits or fewer become INT4.
schema::TensorType type_in_file(const Tensor& tensor);

}  // namespace thimble::tflite
