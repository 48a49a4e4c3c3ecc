#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tflite/tensor_reader.h"

namespace thimble::tflite {

/// Turns the operators of a model into nodes of a Graph, in the order in which it is called.
class OperatorReader {
 public:
  OperatorReader(TensorReader& tensors, FileInHand& file, Graph& graph)
      : tensors_(tensors), file_(file), graph_(graph) {}

  /// Appends the node of an operator, and a Reshape beside it where the Graph's needs another shape; a Split
  /// becomes a Slice for each of its outputs. What only computes the shape of a Reshape (converters write it
  /// for an open batch) becomes nothing. Throws Unsupported.
  void read(const schema::Operator& file_operator, schema::BuiltinOperator code, const std::string& name);

 private:
  /// An operator of the file, its tensors' count checked.
  struct Item {
    const schema::Operator& file_operator;
    const std::string& name;
    std::vector<int32_t> inputs;
    int32_t output;
  };

  Item item(const schema::Operator& file_operator, const std::string& name, size_t least, size_t most) const;
  void append(const Item& item, Operator op, std::vector<TensorId> inputs);
  void append_unary(const Item& item, Operator op);
  void append_reshaped(const std::string& name, Operator op, std::vector<TensorId> inputs,
                       int32_t output_index, const Shape& computed);
  TensorId reshaped_before(const std::string& name, TensorId x, const Shape& shape);
  TensorId like(TensorId id, const Shape& shape, std::string_view suffix);
  std::vector<TensorId> with_weights(const Item& item, TensorId x, int32_t channel_axis);
  TensorId scaled_bias(const Item& item, TensorId x, TensorId weights);
  template <typename Options>
  const Options& options(const Item& item, const Options* found) const;

  void conv_2d(const Item& item);
  void depthwise_conv_2d(const Item& item);
  void fully_connected(const Item& item);
  void mean(const Item& item);
  void softmax(const Item& item);
  void concatenation(const Item& item);
  void pad(const Item& item);
  void reshape(const Item& item);
  void transpose(const Item& item);
  void slice(const Item& item);
  void strided_slice(const Item& item);
  void split(const schema::Operator& file_operator, const std::string& name, size_t axis_input);
  void resize_nearest(const Item& item);
  void reduce_max(const Item& item);
  void pack(const Item& item);
  void unpack(const schema::Operator& file_operator, const std::string& name);
  void expect_one_scale(const std::vector<TensorId>& inputs, TensorId output) const;
  void refuse_uint8(const schema::Operator& file_operator) const;
  void refuse_power_of_two(const schema::Operator& file_operator, bool is_power_of_two) const;
  bool computes_a_shape(const schema::Operator& file_operator, schema::BuiltinOperator code) const;
  std::vector<int32_t> neighbouring_axes(const Item& item, TensorId x) const;
  std::vector<int32_t> begins(const Item& item, size_t input, size_t rank) const;
  template <typename Pool>
  void pool(const Item& item);
  template <typename Binary>
  void binary(const Item& item, schema::ActivationFunctionType activation);

  TensorReader& tensors_;
  FileInHand& file_;
  Graph& graph_;
  std::set<TensorId> biases_;       ///< that a layer has
  std::set<TensorId> scaled_here_;  ///< those of them whose scales the file leaves out
};

}  // namespace thimble::tflite
