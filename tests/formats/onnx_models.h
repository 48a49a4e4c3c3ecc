#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace thimble::onnx {

/// A model in the forms that other programs write, in ONNX's own text syntax (onnx/defs/parser.h), with
/// seeded random weights: initializers "NAME EXTENT EXTENT ...", float32 in [-0.5, 0.5).
::onnx::ModelProto foreign_model(const std::string& text, const std::vector<std::string>& weights,
                                 int opset = 13);

void add_floats(::onnx::ModelProto& model, const std::string& name, const std::vector<int64_t>& shape,
                const std::vector<float>& values);
void add_integers(::onnx::ModelProto& model, const std::string& name, const std::vector<int64_t>& values);
/// int8, uint8 or int32 by `type`; an empty shape is a scalar.
void add_quantized(::onnx::ModelProto& model, const std::string& name, ::onnx::TensorProto::DataType type,
                   const std::vector<int64_t>& shape, const std::vector<int32_t>& values);

/// A form of network, and the operators it becomes.
struct ForeignCase {
  std::string name;
  ::onnx::ModelProto model;
  std::string operators;  ///< "Conv2D Relu"
};

/// Networks as PyTorch, Keras (tf2onnx) and onnxruntime's quantizer write them: one input, float32, one
/// output.
std::vector<ForeignCase> foreign_cases();

}  // namespace thimble::onnx
