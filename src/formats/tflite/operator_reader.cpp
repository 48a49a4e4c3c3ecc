#include "formats/tflite/operator_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "formats/tflite/inserted.h"
#include "graph/builder.h"

namespace thimble::tflite {
namespace {

/// Bounds that keep every product of the padding's arithmetic within 32 bits.
constexpr int32_t kMaximumStep = 4096;
constexpr int32_t kMaximumKernel = 65536;

Activation activation_of(schema::ActivationFunctionType type) {
  switch (type) {
    case schema::ActivationFunctionType::NONE:
      return Activation::kNone;
    case schema::ActivationFunctionType::RELU:
      return Activation::kRelu;
    case schema::ActivationFunctionType::RELU6:
      return Activation::kRelu6;
    default:
      break;
  }
  const char* name = schema::EnumNameActivationFunctionType(type);
  throw Unsupported{fmt::format("the fused activation {} is not supported",
                                *name != '\0' ? name : std::to_string(static_cast<int>(type))),
                    "train the model with RELU or RELU6"};
}

struct Window {
  int32_t kernel_h, kernel_w;
  int32_t stride_h, stride_w;
  int32_t dilation_h = 1, dilation_w = 1;
};

Padding2D padding_of(const FileInHand& file, const Shape& input, const Window& w, schema::Padding padding) {
  const auto within = [](int32_t value, int32_t limit) { return value >= 1 && value <= limit; };
  if (!within(w.stride_h, kMaximumStep) || !within(w.stride_w, kMaximumStep) ||
      !within(w.dilation_h, kMaximumStep) || !within(w.dilation_w, kMaximumStep) ||
      !within(w.kernel_h, kMaximumKernel) || !within(w.kernel_w, kMaximumKernel)) {
    file.malformed(fmt::format("a window of {}x{}, stride {}x{}, dilation {}x{}", w.kernel_h, w.kernel_w,
                               w.stride_h, w.stride_w, w.dilation_h, w.dilation_w));
  }
  if (input.size() != 4) file.malformed(fmt::format("a window slides over {}", to_string(input)));
  if (padding == schema::Padding::VALID) return {};
  if (padding != schema::Padding::SAME) file.malformed("a padding is neither SAME nor VALID");
  return same_padding(input[1], input[2], w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h,
                      w.dilation_w);
}

}  // namespace

void OperatorReader::read(const schema::Operator& o, schema::BuiltinOperator code, const std::string& name) {
  using enum schema::BuiltinOperator;
  switch (code) {
    case CONV_2D:
      return conv_2d(item(o, name, 2, 3));
    case DEPTHWISE_CONV_2D:
      return depthwise_conv_2d(item(o, name, 2, 3));
    case FULLY_CONNECTED:
      return fully_connected(item(o, name, 2, 3));
    case ADD: {
      const auto* options = o.builtin_options_as_AddOptions();
      return binary<Add>(item(o, name, 2, 2), options == nullptr ? schema::ActivationFunctionType::NONE
                                                                 : options->fused_activation_function());
    }
    case MUL: {
      const auto* options = o.builtin_options_as_MulOptions();
      return binary<Mul>(item(o, name, 2, 2), options == nullptr ? schema::ActivationFunctionType::NONE
                                                                 : options->fused_activation_function());
    }
    case MAX_POOL_2D:
      return pool<MaxPool2D>(item(o, name, 1, 1));
    case AVERAGE_POOL_2D:
      return pool<AveragePool2D>(item(o, name, 1, 1));
    case MEAN:
      return mean(item(o, name, 2, 2));
    case SOFTMAX:
      return softmax(item(o, name, 1, 1));
    case RESHAPE:
    case SQUEEZE:
    case EXPAND_DIMS:
      return reshape(item(o, name, 1, 2));
    case CONCATENATION:
      return concatenation(item(o, name, 1, 4096));
    case PAD:
      return pad(item(o, name, 2, 2));
    case PADV2:
      return pad(item(o, name, 3, 3));
    case QUANTIZE:
      return append_unary(item(o, name, 1, 1), Quantize{});
    case DEQUANTIZE:
      return append_unary(item(o, name, 1, 1), Dequantize{});
    case RELU:
      return append_unary(item(o, name, 1, 1), Relu{});
    case RELU6:
      return append_unary(item(o, name, 1, 1), Relu6{});
    default:
      throw Unsupported{"the operator is not supported", "replace it in the model, or leave it to the host"};
  }
}

OperatorReader::Item OperatorReader::item(const schema::Operator& file_operator, const std::string& name,
                                          size_t least, size_t most) const {
  const auto* inputs = file_operator.inputs();
  const auto* outputs = file_operator.outputs();
  if (outputs == nullptr || outputs->size() != 1) file_.malformed("an operator has not exactly one output");
  const size_t count = inputs == nullptr ? 0 : inputs->size();
  if (count < least || count > most) file_.malformed(fmt::format("operator '{}' has {} inputs", name, count));
  Item result{file_operator, name, {inputs->begin(), inputs->end()}, outputs->Get(0)};
  file_.charge(count * 64);
  if (result.inputs.size() > least && result.inputs.back() == -1) result.inputs.pop_back();
  return result;
}

template <typename Options>
const Options& OperatorReader::options(const Item& item, const Options* found) const {
  if (found == nullptr) file_.malformed(fmt::format("operator '{}' has no options", item.name));
  return *found;
}

void OperatorReader::append(const Item& item, Operator op, std::vector<TensorId> inputs) {
  file_.charge(item.name.size() + sizeof(Node));
  const TensorId output = tensors_.result(item.output);
  graph_.nodes.push_back({item.name, std::move(op), std::move(inputs), {output}});
}

void OperatorReader::append_unary(const Item& item, Operator op) {
  const TensorId x = tensors_.tensor(item.inputs[0]);
  append(item, std::move(op), {x});
}

/// Input, weights and bias of a weighted operator, whose scales lie along `channel_axis` of the weights.
std::vector<TensorId> OperatorReader::with_weights(const Item& item, TensorId x, int32_t channel_axis) {
  const DataType activations = graph_.tensor(x).type;
  std::vector<TensorId> ids = {x, tensors_.weight(item.inputs[1], activations)};
  const Tensor& weights = graph_.tensor(ids[1]);
  if (weights.quantization) {
    const Quantization& q = *weights.quantization;
    if (q.per_channel() && q.axis != channel_axis) {
      file_.malformed(
          fmt::format("the scales of '{}' lie along axis {}, not {}", weights.name, q.axis, channel_axis));
    }
    if (std::any_of(q.zero_points.begin(), q.zero_points.end(), [](int32_t z) { return z != 0; })) {
      throw Unsupported{fmt::format("the weights '{}' have a zero point other than 0", weights.name),
                        "quantize the model with symmetric weights"};
    }
  }
  if (item.inputs.size() == 3) ids.push_back(scaled_bias(item, x, ids[1]));
  return ids;
}

/// The bias; its scale is the product of the input's and the weights', and filled in where the file leaves it
/// out.
TensorId OperatorReader::scaled_bias(const Item& item, TensorId x, TensorId weights) {
  const TensorId id = tensors_.weight(item.inputs[2], graph_.tensor(x).type);
  Tensor& bias = graph_.tensor(id);
  const auto& input_scale = graph_.tensor(x).quantization;
  const auto& weight_scale = graph_.tensor(weights).quantization;
  if (bias.type != DataType::kInt32 || bias.quantization || !input_scale || !weight_scale) return id;
  Quantization q{.scales = weight_scale->scales, .zero_points = weight_scale->zero_points, .bits = 32};
  for (float& scale : q.scales) scale *= input_scale->scales[0];
  if (weight_scale->per_channel()) q.axis = 0;
  bias.quantization = std::move(q);
  return id;
}

void OperatorReader::conv_2d(const Item& item) {
  const auto& o = options(item, item.file_operator.builtin_options_as_Conv2DOptions());
  const TensorId x = tensors_.tensor(item.inputs[0]);
  const std::vector<TensorId> inputs = with_weights(item, x, 0);
  const Shape input = graph_.tensor(x).shape;
  const Shape weights = graph_.tensor(inputs[1]).shape;
  if (input.size() != 4 || weights.size() != 4 || input[3] % weights[3] != 0) {
    file_.malformed(
        fmt::format("operator '{}' convolves {} with {}", item.name, to_string(input), to_string(weights)));
  }
  Conv2D op{.stride_h = o.stride_h(),
            .stride_w = o.stride_w(),
            .dilation_h = o.dilation_h_factor(),
            .dilation_w = o.dilation_w_factor(),
            .groups = input[3] / weights[3],
            .activation = activation_of(o.fused_activation_function())};
  op.padding = padding_of(file_, input,
                          {weights[1], weights[2], op.stride_h, op.stride_w, op.dilation_h, op.dilation_w},
                          o.padding());
  append(item, op, inputs);
}

void OperatorReader::depthwise_conv_2d(const Item& item) {
  const auto& o = options(item, item.file_operator.builtin_options_as_DepthwiseConv2DOptions());
  const TensorId x = tensors_.tensor(item.inputs[0]);
  const std::vector<TensorId> inputs = with_weights(item, x, 3);
  const Shape input = graph_.tensor(x).shape;
  const Shape weights = graph_.tensor(inputs[1]).shape;
  if (input.size() != 4 || weights.size() != 4 || weights[3] % input[3] != 0) {
    file_.malformed(
        fmt::format("operator '{}' convolves {} with {}", item.name, to_string(input), to_string(weights)));
  }
  // The option depth_multiplier is redundant; TensorFlow Lite itself goes by the shapes.
  DepthwiseConv2D op{.stride_h = o.stride_h(),
                     .stride_w = o.stride_w(),
                     .dilation_h = o.dilation_h_factor(),
                     .dilation_w = o.dilation_w_factor(),
                     .multiplier = weights[3] / input[3],
                     .activation = activation_of(o.fused_activation_function())};
  op.padding = padding_of(file_, input,
                          {weights[1], weights[2], op.stride_h, op.stride_w, op.dilation_h, op.dilation_w},
                          o.padding());
  append(item, op, inputs);
}

/// TensorFlow Lite reads an input of any shape as rows of as many elements as the weights have columns. The
/// Graph's dense layer takes two axes, so that the reader says with a Reshape what the file leaves implicit.
void OperatorReader::fully_connected(const Item& item) {
  const auto& o = options(item, item.file_operator.builtin_options_as_FullyConnectedOptions());
  if (o.weights_format() != 0) {
    throw Unsupported{"its weights are shuffled", "convert the model without shuffled weights"};
  }
  TensorId x = tensors_.tensor(item.inputs[0]);
  std::vector<TensorId> inputs = with_weights(item, x, 0);
  const Shape weights = graph_.tensor(inputs[1]).shape;
  const auto elements = static_cast<int64_t>(graph_.tensor(x).elements());
  if (weights.size() != 2 || elements % weights[1] != 0) {
    file_.malformed(
        fmt::format("operator '{}' multiplies {} elements by {}", item.name, elements, to_string(weights)));
  }
  const Shape rows = {static_cast<int32_t>(elements / weights[1]), weights[1]};
  const Shape result = {rows[0], weights[0]};
  const auto like = [&](TensorId id, const Shape& shape, std::string_view suffix) {
    Tensor tensor = graph_.tensor(id);
    tensor.name += suffix;
    tensor.shape = shape;
    return graph_.add(std::move(tensor));
  };
  if (graph_.tensor(x).shape != rows) {
    if (graph_.tensor(x).is_constant()) {
      throw Unsupported{"its input is a constant", "fold constants when exporting the model"};
    }
    file_.charge(item.name.size() + sizeof(Node));
    inputs[0] = like(x, rows, kInsertedBefore);
    graph_.nodes.push_back({item.name + std::string(kInsertedBefore), Reshape{rows}, {x}, {inputs[0]}});
  }
  const FullyConnected op{.activation = activation_of(o.fused_activation_function())};
  const Shape declared = tensors_.shape(item.output);
  if (declared == result) return append(item, op, inputs);

  if (static_cast<int64_t>(element_count(declared)) != int64_t{result[0]} * result[1]) {
    file_.malformed(fmt::format("operator '{}' gives {}, its output is declared as {}", item.name,
                                to_string(result), to_string(declared)));
  }
  const TensorId output = tensors_.result(item.output);
  const TensorId flat = like(output, result, kInsertedAfter);
  file_.charge(2 * item.name.size() + 2 * sizeof(Node));
  graph_.nodes.push_back({item.name, op, inputs, {flat}});
  graph_.nodes.push_back({item.name + std::string(kInsertedAfter), Reshape{declared}, {flat}, {output}});
}

template <typename Binary>
void OperatorReader::binary(const Item& item, schema::ActivationFunctionType activation) {
  const TensorId a = tensors_.tensor(item.inputs[0]);
  const TensorId b = tensors_.tensor(item.inputs[1]);
  append(item, Binary{.activation = activation_of(activation)}, {a, b});
}

template <typename Pool>
void OperatorReader::pool(const Item& item) {
  const auto& o = options(item, item.file_operator.builtin_options_as_Pool2DOptions());
  const TensorId x = tensors_.tensor(item.inputs[0]);
  Pool op{.kernel_h = o.filter_height(),
          .kernel_w = o.filter_width(),
          .stride_h = o.stride_h(),
          .stride_w = o.stride_w(),
          .activation = activation_of(o.fused_activation_function())};
  op.padding = padding_of(file_, graph_.tensor(x).shape, {op.kernel_h, op.kernel_w, op.stride_h, op.stride_w},
                          o.padding());
  append(item, op, {x});
}

void OperatorReader::mean(const Item& item) {
  const auto* o = item.file_operator.builtin_options_as_ReducerOptions();
  const TensorId x = tensors_.tensor(item.inputs[0]);
  const auto rank = static_cast<int64_t>(graph_.tensor(x).shape.size());
  Mean op;
  op.keep_dims = o != nullptr && o->keep_dims();
  for (int64_t axis : tensors_.integers(item.inputs[1])) {
    if (axis < -rank || axis >= rank)
      file_.malformed(fmt::format("operator '{}' has axis {}", item.name, axis));
    op.axes.push_back(static_cast<int32_t>(axis < 0 ? axis + rank : axis));
  }
  std::sort(op.axes.begin(), op.axes.end());
  op.axes.erase(std::unique(op.axes.begin(), op.axes.end()), op.axes.end());
  if (op.axes.empty() || op.axes.front() == 0 ||
      op.axes.back() - op.axes.front() + 1 != static_cast<int32_t>(op.axes.size())) {
    throw Unsupported{"its axes are not neighbours, or hold the batch",
                      "take the mean over neighbouring axes, such as rows and columns"};
  }
  append(item, op, {x});
}

void OperatorReader::softmax(const Item& item) {
  const auto& o = options(item, item.file_operator.builtin_options_as_SoftmaxOptions());
  if (!std::isfinite(o.beta()))
    file_.malformed(fmt::format("operator '{}' has beta {}", item.name, o.beta()));
  append_unary(item, Softmax{.beta = o.beta()});
  const auto& q = graph_.tensor(graph_.nodes.back().outputs[0]).quantization;
  if (q && (std::abs(q->scales[0] * 256.0F - 1.0F) > 1e-3F || q->zero_points[0] != -128)) {
    throw Unsupported{
        "its output has not the scale 1/256 and the zero point -128 that int8 softmax is defined with",
        "convert the model with TensorFlow Lite's int8 quantization"};
  }
}

void OperatorReader::concatenation(const Item& item) {
  const auto& o = options(item, item.file_operator.builtin_options_as_ConcatenationOptions());
  if (activation_of(o.fused_activation_function()) != Activation::kNone) {
    throw Unsupported{"a concatenation with a fused activation is not supported",
                      "put the activation before the concatenation"};
  }
  std::vector<TensorId> inputs;
  for (const int32_t index : item.inputs) inputs.push_back(tensors_.tensor(index));
  const auto rank = static_cast<int64_t>(graph_.tensor(inputs[0]).shape.size());
  if (o.axis() < -rank || o.axis() >= rank) {
    file_.malformed(fmt::format("operator '{}' has axis {}", item.name, o.axis()));
  }
  append(item, Concat{.axis = static_cast<int32_t>(o.axis() < 0 ? o.axis() + rank : o.axis())}, inputs);
  const auto& output = graph_.tensor(graph_.nodes.back().outputs[0]).quantization;
  for (const TensorId id : inputs) {
    if (graph_.tensor(id).quantization != output) {
      throw Unsupported{
          "its inputs and output differ in scale or zero point",
          "convert the model with TensorFlow Lite's int8 quantization, which gives them one scale"};
    }
  }
}

void OperatorReader::pad(const Item& item) {
  const TensorId x = tensors_.tensor(item.inputs[0]);
  const Tensor& input = graph_.tensor(x);
  const std::vector<int64_t> paddings = tensors_.integers(item.inputs[1]);
  if (paddings.size() != 2 * input.shape.size()) {
    file_.malformed(fmt::format("operator '{}' has {} paddings for {}", item.name, paddings.size(),
                                to_string(input.shape)));
  }
  Pad op;
  for (size_t i = 0; i < paddings.size(); ++i) {
    if (paddings[i] < 0 || paddings[i] > int64_t{1} << 30) {
      file_.malformed(fmt::format("operator '{}' has a padding of {}", item.name, paddings[i]));
    }
    (i % 2 == 0 ? op.before : op.after).push_back(static_cast<int32_t>(paddings[i]));
  }
  append(item, op, {x});
  if (item.inputs.size() < 3) return;

  // PADV2: the Graph pads with zero alone.
  const TensorId value_id = tensors_.weight(item.inputs[2], graph_.tensor(x).type);
  const Tensor& value = graph_.tensor(value_id);
  const auto& q = graph_.tensor(graph_.nodes.back().outputs[0]).quantization;
  const bool zero = value.type == DataType::kFloat32     ? value.values<float>()[0] == 0.0F
                    : value.type == DataType::kInt8 && q ? value.values<int8_t>()[0] == q->zero_points[0]
                                                         : false;
  if (!zero) throw Unsupported{"it pads with another value than zero", "pad with zero"};
}

void OperatorReader::reshape(const Item& item) {
  append_unary(item, Reshape{.shape = tensors_.shape(item.output)});
}

}  // namespace thimble::tflite
