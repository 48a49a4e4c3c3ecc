#include "formats/tflite/operator_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "graph/builder.h"

namespace thimble::tflite {
namespace {

using schema::BuiltinOperator;
using schema::BuiltinOptions;

schema::ActivationFunctionType written(Activation activation) {
  switch (activation) {
    case Activation::kRelu:
      return schema::ActivationFunctionType::RELU;
    case Activation::kRelu6:
      return schema::ActivationFunctionType::RELU6;
    case Activation::kNone:
      break;
  }
  return schema::ActivationFunctionType::NONE;
}

class OperatorWriter {
 public:
  OperatorWriter(const Graph& graph, const Node& node, const Shape& output_shape,
                 flatbuffers::FlatBufferBuilder& builder)
      : graph_(graph),
        node_(node),
        output_shape_(output_shape),
        builder_(builder),
        integer_(input().type != DataType::kFloat32),
        is_int16_(input().type == DataType::kInt16) {}

  WrittenNode operator()(const Conv2D& o) {
    const Shape& w = weights().shape;
    const Padding2D same = same_padding(input().shape[1], input().shape[2], w[1], w[2], o.stride_h,
                                        o.stride_w, o.dilation_h, o.dilation_w);
    const bool packed = type_in_file(weights()) == schema::TensorType::INT4;
    const int32_t version = o.groups > 1 ? 6 : packed ? 7 : version_of(3, 4);
    return windowed(o.padding, same, [&](schema::Padding padding) {
      const auto options = schema::CreateConv2DOptions(builder_, padding, o.stride_w, o.stride_h,
                                                       written(o.activation), o.dilation_w, o.dilation_h);
      return with_bias(
          one(BuiltinOperator::CONV_2D, version, BuiltinOptions::Conv2DOptions, options.Union()));
    });
  }

  WrittenNode operator()(const DepthwiseConv2D& o) {
    const Shape& w = weights().shape;
    const Padding2D same = same_padding(input().shape[1], input().shape[2], w[1], w[2], o.stride_h,
                                        o.stride_w, o.dilation_h, o.dilation_w);
    const bool packed = type_in_file(weights()) == schema::TensorType::INT4;
    const bool dilated = o.dilation_h != 1 || o.dilation_w != 1;
    const int32_t version = packed ? 7 : dilated && !integer_ ? 2 : version_of(3, 5);
    return windowed(o.padding, same, [&](schema::Padding padding) {
      const auto options =
          schema::CreateDepthwiseConv2DOptions(builder_, padding, o.stride_w, o.stride_h, o.multiplier,
                                               written(o.activation), o.dilation_w, o.dilation_h);
      return with_bias(one(BuiltinOperator::DEPTHWISE_CONV_2D, version,
                           BuiltinOptions::DepthwiseConv2DOptions, options.Union()));
    });
  }

  WrittenNode operator()(const FullyConnected& o) {
    const auto& quantization = weights().quantization;
    const bool per_channel = integer_ && quantization && quantization->per_channel();
    const bool packed = type_in_file(weights()) == schema::TensorType::INT4;
    const bool keeps_axes = output_shape_.size() != 2;
    const int32_t version = per_channel  ? 12
                            : packed     ? 10
                            : is_int16_  ? 7
                            : keeps_axes ? 5
                            : integer_   ? 4
                                         : 1;
    const auto options = schema::CreateFullyConnectedOptions(builder_, written(o.activation), 0, keeps_axes);
    WrittenOperator result = one(BuiltinOperator::FULLY_CONNECTED, version,
                                 BuiltinOptions::FullyConnectedOptions, options.Union());
    // Beside int16, TensorFlow Lite adds in 64 bits only where there is a bias.
    (is_int16_ ? result.bias_of_zeros : result.bias_left_out) = node_.inputs.size() == 2;
    return {{result}, {}};
  }

  WrittenNode operator()(const Add& o) {
    const auto options = schema::CreateAddOptions(builder_, written(o.activation), !is_int16_);
    return {{one(BuiltinOperator::ADD, version_of(2, 3), BuiltinOptions::AddOptions, options.Union())}, {}};
  }

  WrittenNode operator()(const Sub& o) {
    const auto options = schema::CreateSubOptions(builder_, written(o.activation), !is_int16_);
    return {{one(BuiltinOperator::SUB, version_of(2, 5), BuiltinOptions::SubOptions, options.Union())}, {}};
  }

  WrittenNode operator()(const Maximum&) { return select(BuiltinOperator::MAXIMUM); }
  WrittenNode operator()(const Minimum&) { return select(BuiltinOperator::MINIMUM); }

  WrittenNode operator()(const Sigmoid&) { return {{one(BuiltinOperator::LOGISTIC, version_of(2, 3))}, {}}; }
  WrittenNode operator()(const Tanh&) { return {{one(BuiltinOperator::TANH, version_of(2, 3))}, {}}; }

  WrittenNode operator()(const HardSwish&) {
    return {{one(BuiltinOperator::HARD_SWISH, 1, BuiltinOptions::HardSwishOptions,
                 schema::CreateHardSwishOptions(builder_).Union())},
            {}};
  }

  WrittenNode operator()(const LeakyRelu& o) {
    return {{one(BuiltinOperator::LEAKY_RELU, 1, BuiltinOptions::LeakyReluOptions,
                 schema::CreateLeakyReluOptions(builder_, o.alpha).Union())},
            {}};
  }

  WrittenNode operator()(const Transpose& o) {
    const int32_t version = o.axes.size() > 4 ? 4 : version_of(2, 5);
    WrittenOperator result = one(BuiltinOperator::TRANSPOSE, version, BuiltinOptions::TransposeOptions,
                                 schema::CreateTransposeOptions(builder_).Union());
    result.parameters = {per_axis("permutation", o.axes)};
    return {{result}, {}};
  }

  WrittenNode operator()(const Slice& o) {
    const bool strided =
        std::any_of(o.stride.begin(), o.stride.end(), [](int32_t step) { return step != 1; });
    if (!strided) {
      WrittenOperator result = one(BuiltinOperator::SLICE, version_of(2, 4), BuiltinOptions::SliceOptions,
                                   schema::CreateSliceOptions(builder_).Union());
      result.parameters = {per_axis("begin", o.begin), per_axis("size", o.size)};
      return {{result}, {}};
    }
    std::vector<int32_t> end;
    for (size_t i = 0; i < o.size.size(); ++i) end.push_back(o.begin[i] + (o.size[i] - 1) * o.stride[i] + 1);
    const int32_t version = o.size.size() > 4 ? 4 : version_of(2, 4);
    WrittenOperator result = one(BuiltinOperator::STRIDED_SLICE, version, BuiltinOptions::StridedSliceOptions,
                                 schema::CreateStridedSliceOptions(builder_).Union());
    result.parameters = {per_axis("begin", o.begin), per_axis("end", end), per_axis("strides", o.stride)};
    return {{result}, {}};
  }

  WrittenNode operator()(const ResizeNearest&) {
    WrittenOperator result = one(BuiltinOperator::RESIZE_NEAREST_NEIGHBOR, version_of(2, 4),
                                 BuiltinOptions::ResizeNearestNeighborOptions,
                                 schema::CreateResizeNearestNeighborOptions(builder_).Union());
    result.parameters = {per_axis("size", {output().shape[1], output().shape[2]})};
    return {{result}, {}};
  }

  WrittenNode operator()(const Mul& o) {
    int32_t version = 1;
    if (integer_) {
      const float product =
          input().quantization->scales[0] * graph_.tensor(node_.inputs[1]).quantization->scales[0];
      version = is_int16_ ? 4 : product / output().quantization->scales[0] >= 1.0F ? 3 : 2;
    }
    const auto options = schema::CreateMulOptions(builder_, written(o.activation));
    return {{one(BuiltinOperator::MUL, version, BuiltinOptions::MulOptions, options.Union())}, {}};
  }

  WrittenNode operator()(const MaxPool2D& o) { return pool(o, BuiltinOperator::MAX_POOL_2D); }
  WrittenNode operator()(const AveragePool2D& o) { return pool(o, BuiltinOperator::AVERAGE_POOL_2D); }

  WrittenNode operator()(const Mean& o) {
    const auto options = schema::CreateReducerOptions(builder_, o.keep_dims);
    WrittenOperator result =
        one(BuiltinOperator::MEAN, version_of(2, 3), BuiltinOptions::ReducerOptions, options.Union());
    result.parameters = {{node_.name + "/axes", {static_cast<int32_t>(o.axes.size())}, o.axes}};
    return {{result}, {}};
  }

  WrittenNode operator()(const Softmax& o) {
    const auto options = schema::CreateSoftmaxOptions(builder_, o.beta);
    return {
        {one(BuiltinOperator::SOFTMAX, version_of(2, 3), BuiltinOptions::SoftmaxOptions, options.Union())},
        {}};
  }

  WrittenNode operator()(const Reshape&) {
    const Shape& shape = output().shape;
    const auto new_shape = builder_.CreateVector(shape);
    const auto options = schema::CreateReshapeOptions(builder_, new_shape);
    WrittenOperator result =
        one(BuiltinOperator::RESHAPE, 1, BuiltinOptions::ReshapeOptions, options.Union());
    result.parameters = {{node_.name + "/shape", {static_cast<int32_t>(shape.size())}, shape}};
    return {{result}, {}};
  }

  WrittenNode operator()(const Concat& o) {
    const auto options = schema::CreateConcatenationOptions(builder_, o.axis);
    return {{one(BuiltinOperator::CONCATENATION, version_of(2, 3), BuiltinOptions::ConcatenationOptions,
                 options.Union())},
            {}};
  }

  WrittenNode operator()(const Pad& o) { return {{padding(o)}, {}}; }

  WrittenNode operator()(const Quantize&) {
    const int32_t version = output().type == DataType::kInt16 ? 2 : 1;
    return {{one(BuiltinOperator::QUANTIZE, version, BuiltinOptions::QuantizeOptions,
                 schema::CreateQuantizeOptions(builder_).Union())},
            {}};
  }

  WrittenNode operator()(const Dequantize&) {
    return {{one(BuiltinOperator::DEQUANTIZE, version_of(2, 3), BuiltinOptions::DequantizeOptions,
                 schema::CreateDequantizeOptions(builder_).Union())},
            {}};
  }

  WrittenNode operator()(const Relu&) { return {{one(BuiltinOperator::RELU, version_of(2, 3))}, {}}; }
  WrittenNode operator()(const Relu6&) { return {{one(BuiltinOperator::RELU6, version_of(2, 3))}, {}}; }

  WrittenNode operator()(const BatchNorm&) {
    fail("TensorFlow Lite has no such operator", "Fold batch norms before exporting the model");
  }

 private:
  const Tensor& input() const { return graph_.tensor(node_.inputs.at(0)); }
  const Tensor& weights() const { return graph_.tensor(node_.inputs.at(1)); }
  const Tensor& output() const { return graph_.tensor(node_.outputs.at(0)); }

  /// The version of an operator that has one for int8 and one for int16 activations.
  int32_t version_of(int32_t int8, int32_t int16) const { return is_int16_ ? int16 : integer_ ? int8 : 1; }

  [[noreturn]] void fail(std::string_view reason, std::string_view remedy) const {
    throw Error(fmt::format("{} '{}'", name_of(node_.op), node_.name), reason, remedy);
  }

  WrittenOperator one(BuiltinOperator code, int32_t version, BuiltinOptions type = BuiltinOptions::NONE,
                      flatbuffers::Offset<void> options = 0) const {
    WrittenOperator result;
    result.code = code;
    result.version = version;
    result.options_type = type;
    result.options = options;
    return result;
  }

  ParameterTensor per_axis(std::string_view what, const std::vector<int32_t>& values) const {
    return {fmt::format("{}/{}", node_.name, what), {static_cast<int32_t>(values.size())}, values};
  }

  WrittenNode select(BuiltinOperator code) {
    return {{one(code, version_of(2, 4), BuiltinOptions::MaximumMinimumOptions,
                 schema::CreateMaximumMinimumOptions(builder_).Union())},
            {}};
  }

  WrittenOperator with_bias(WrittenOperator convolution) const {
    convolution.bias_of_zeros = node_.inputs.size() == 2;
    return convolution;
  }

  WrittenOperator padding(const Pad& o) {
    WrittenOperator result = one(BuiltinOperator::PAD, version_of(2, 4), BuiltinOptions::PadOptions,
                                 schema::CreatePadOptions(builder_).Union());
    ParameterTensor paddings{node_.name + "/paddings", {static_cast<int32_t>(o.before.size()), 2}, {}};
    for (size_t i = 0; i < o.before.size(); ++i) {
      paddings.integers.push_back(o.before[i]);
      paddings.integers.push_back(o.after[i]);
    }
    result.parameters.push_back(std::move(paddings));
    if (o.value != 0) {
      result.code = BuiltinOperator::PADV2;
      result.options_type = BuiltinOptions::PadV2Options;
      result.options = schema::CreatePadV2Options(builder_).Union();
      result.parameters.push_back({node_.name + "/value", {1}, {}, node_.inputs[0], o.value});
    }
    return result;
  }

  /// An operator on windows, after an operator that pads where the padding has no name in the format.
  template <typename Write>
  WrittenNode windowed(const Padding2D& p, const Padding2D& same, const Write& write, float value = 0) {
    if (p == Padding2D{}) return {{write(schema::Padding::VALID)}, {}};
    if (p == same) return {{write(schema::Padding::SAME)}, {}};
    const Shape& x = input().shape;
    return {{padding(Pad{{0, p.top, p.left, 0}, {0, p.bottom, p.right, 0}, value}),
             write(schema::Padding::VALID)},
            {x[0], x[1] + p.top + p.bottom, x[2] + p.left + p.right, x[3]}};
  }

  template <typename Pool>
  WrittenNode pool(const Pool& o, BuiltinOperator code) {
    const Padding2D same =
        same_padding(input().shape[1], input().shape[2], o.kernel_h, o.kernel_w, o.stride_h, o.stride_w);
    // What pads a maximum must never win.
    WrittenNode result = windowed(
        o.padding, same,
        [&](schema::Padding padding_type) {
          const auto options = schema::CreatePool2DOptions(builder_, padding_type, o.stride_w, o.stride_h,
                                                           o.kernel_w, o.kernel_h, written(o.activation));
          return one(code, version_of(2, 3), BuiltinOptions::Pool2DOptions, options.Union());
        },
        std::numeric_limits<float>::lowest());
    if (result.operators.size() == 1) return result;
    if (code == BuiltinOperator::AVERAGE_POOL_2D) {
      fail("TensorFlow Lite averages over no padding but SAME and VALID",
           "Choose the pooling's padding so that it is one of these");
    }
    return result;
  }

  const Graph& graph_;
  const Node& node_;
  const Shape& output_shape_;
  flatbuffers::FlatBufferBuilder& builder_;
  bool integer_;
  bool is_int16_;
};

}  // namespace

WrittenNode write_operator(const Graph& graph, const Node& node, const Shape& output_shape,
                           flatbuffers::FlatBufferBuilder& builder) {
  return std::visit(OperatorWriter(graph, node, output_shape, builder), node.op);
}

schema::TensorType type_in_file(const Tensor& tensor) {
  switch (tensor.type) {
    case DataType::kFloat32:
      return schema::TensorType::FLOAT32;
    case DataType::kInt64:
      return schema::TensorType::INT64;
    case DataType::kInt32:
      return schema::TensorType::INT32;
    case DataType::kInt16:
      return schema::TensorType::INT16;
    case DataType::kInt4:
      return schema::TensorType::INT4;
    case DataType::kUint8:
      return schema::TensorType::UINT8;
    case DataType::kInt8:
      break;
  }
  const bool narrow = tensor.is_constant() && tensor.quantization && tensor.quantization->bits <= 4;
  return narrow ? schema::TensorType::INT4 : schema::TensorType::INT8;
}

}  // namespace thimble::tflite
