#include "formats/tflite/operator_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "formats/tflite/inserted.h"
#include "graph/builder.h"
#include "graph/lookup_table.h"

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
  if (computes_a_shape(o, code)) return;
  if (code != QUANTIZE) refuse_uint8(o);
  switch (code) {
    case CONV_2D:
      return conv_2d(item(o, name, 2, 3));
    case DEPTHWISE_CONV_2D:
      return depthwise_conv_2d(item(o, name, 2, 3));
    case FULLY_CONNECTED:
      return fully_connected(item(o, name, 2, 3));
    case ADD: {
      const auto* options = o.builtin_options_as_AddOptions();
      refuse_power_of_two(o, options == nullptr || options->pot_scale_int16());
      return binary<Add>(item(o, name, 2, 2), options == nullptr ? schema::ActivationFunctionType::NONE
                                                                 : options->fused_activation_function());
    }
    case SUB: {
      const auto* options = o.builtin_options_as_SubOptions();
      refuse_power_of_two(o, options == nullptr || options->pot_scale_int16());
      return binary<Sub>(item(o, name, 2, 2), options == nullptr ? schema::ActivationFunctionType::NONE
                                                                 : options->fused_activation_function());
    }
    case MAXIMUM:
      return binary<Maximum>(item(o, name, 2, 2), schema::ActivationFunctionType::NONE);
    case MINIMUM:
      return binary<Minimum>(item(o, name, 2, 2), schema::ActivationFunctionType::NONE);
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
    case DEQUANTIZE: {
      const Item dequantize = item(o, name, 1, 1);
      // Weights of 16 bits are written so.
      if (tensors_.is_constant(dequantize.inputs[0])) {
        return tensors_.dequantize_constant(dequantize.inputs[0], dequantize.output);
      }
      return append_unary(dequantize, Dequantize{});
    }
    case RELU:
      return append_unary(item(o, name, 1, 1), Relu{});
    case RELU6:
      return append_unary(item(o, name, 1, 1), Relu6{});
    case LOGISTIC:
      return append_unary(item(o, name, 1, 1), Sigmoid{});
    case TANH:
      return append_unary(item(o, name, 1, 1), Tanh{});
    case HARD_SWISH:
      return append_unary(item(o, name, 1, 1), HardSwish{});
    case LEAKY_RELU: {
      const Item leaky = item(o, name, 1, 1);
      const float alpha = options(leaky, o.builtin_options_as_LeakyReluOptions()).alpha();
      if (!std::isfinite(alpha)) file_.malformed(fmt::format("operator '{}' has alpha {}", name, alpha));
      return append_unary(leaky, LeakyRelu{alpha});
    }
    case TRANSPOSE:
      return transpose(item(o, name, 2, 2));
    case SLICE:
      return slice(item(o, name, 3, 3));
    case STRIDED_SLICE:
      return strided_slice(item(o, name, 4, 4));
    case SPLIT:
      return split(o, name, 0);
    case SPLIT_V:
      return split(o, name, 2);
    case RESIZE_NEAREST_NEIGHBOR:
      return resize_nearest(item(o, name, 2, 2));
    case REDUCE_MAX:
      return reduce_max(item(o, name, 2, 2));
    case PACK:
      return pack(item(o, name, 1, 4096));
    case UNPACK:
      return unpack(o, name);
    default:
      throw Unsupported{"the operator is not supported",
                        "replace it in the model (docs/operators.md lists what is supported), or leave it to "
                        "the host"};
  }
}

void OperatorReader::refuse_uint8(const schema::Operator& o) const {
  for (const auto* list : {o.inputs(), o.outputs()}) {
    for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
      const int32_t index = list->Get(static_cast<flatbuffers::uoffset_t>(i));
      if (index == -1 || !tensors_.is_uint8(index)) continue;
      throw Unsupported{
          fmt::format("tensor '{}' has type UINT8, TensorFlow Lite's older quantization",
                      tensors_.name(index).substr(0, 80)),
          "convert the model with full int8 quantization (uint8 may stay its input and output)"};
    }
  }
}

void OperatorReader::refuse_power_of_two(const schema::Operator& o, bool is_power_of_two) const {
  if (!is_power_of_two || o.outputs() == nullptr || o.outputs()->size() == 0) return;
  if (tensors_.type(o.outputs()->Get(0)) != DataType::kInt16) return;
  throw Unsupported{"it is of int16 with scales that are powers of two, TensorFlow Lite's older way",
                    "convert the model with TensorFlow Lite 2.4 or newer"};
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
  TensorId id = tensors_.weight(item.inputs[2], graph_.tensor(x).type);
  // Converters keep equal biases once: each layer has its own all the same, to learn and to be scaled.
  if (!biases_.insert(id).second) {
    Tensor own = graph_.tensor(id);
    file_.charge(own.bytes());
    if (scaled_here_.contains(id)) own.quantization.reset();
    id = graph_.add(std::move(own));
  }
  Tensor& bias = graph_.tensor(id);
  const auto& input_scale = graph_.tensor(x).quantization;
  const auto& weight_scale = graph_.tensor(weights).quantization;
  if (graph_.tensor(x).type == DataType::kInt16 && bias.type == DataType::kInt32) {
    throw Unsupported{fmt::format("the bias '{}' is int32, beside int16 activations", bias.name),
                      "convert the model with biases of int64, which is TensorFlow Lite's default"};
  }
  const bool is_integer = bias.type == DataType::kInt32 || bias.type == DataType::kInt64;
  if (!is_integer || bias.quantization || !input_scale || !weight_scale) return id;
  file_.charge(weight_scale->scales.size() * (sizeof(float) + sizeof(int32_t)));
  Quantization q{.scales = weight_scale->scales, .zero_points = weight_scale->zero_points, .bits = 32};
  for (float& scale : q.scales) scale *= input_scale->scales[0];
  if (weight_scale->per_channel()) q.axis = 0;
  bias.quantization = std::move(q);
  scaled_here_.insert(id);
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
  const TensorId x = tensors_.tensor(item.inputs[0]);
  std::vector<TensorId> inputs = with_weights(item, x, 0);
  const Shape weights = graph_.tensor(inputs[1]).shape;
  const auto elements = static_cast<int64_t>(graph_.tensor(x).elements());
  if (weights.size() != 2 || elements % weights[1] != 0) {
    file_.malformed(
        fmt::format("operator '{}' multiplies {} elements by {}", item.name, elements, to_string(weights)));
  }
  const Shape rows = {static_cast<int32_t>(elements / weights[1]), weights[1]};
  const Shape result = {rows[0], weights[0]};
  inputs[0] = reshaped_before(item.name, x, rows);
  const FullyConnected op{.activation = activation_of(o.fused_activation_function())};
  append_reshaped(item.name, op, inputs, item.output, result);
}

template <typename Binary>
void OperatorReader::binary(const Item& item, schema::ActivationFunctionType activation) {
  const TensorId a = tensors_.tensor(item.inputs[0]);
  const TensorId b = tensors_.tensor(item.inputs[1]);
  Binary op;
  if constexpr (requires { op.activation; }) op.activation = activation_of(activation);
  append(item, op, {a, b});
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
  Mean op;
  op.keep_dims = o != nullptr && o->keep_dims();
  op.axes = neighbouring_axes(item, x);
  append(item, op, {x});
}

void OperatorReader::softmax(const Item& item) {
  const auto& o = options(item, item.file_operator.builtin_options_as_SoftmaxOptions());
  if (!std::isfinite(o.beta()))
    file_.malformed(fmt::format("operator '{}' has beta {}", item.name, o.beta()));
  append_unary(item, Softmax{.beta = o.beta()});
  const auto& q = graph_.tensor(graph_.nodes.back().outputs[0]).quantization;
  if (!q) return;
  const Quantization fixed =
      *fixed_quantization(graph_.nodes.back().op, graph_.tensor(graph_.nodes.back().outputs[0]).type);
  if (std::abs(q->scales[0] / fixed.scales[0] - 1.0F) > 1e-3F || q->zero_points != fixed.zero_points) {
    throw Unsupported{
        fmt::format("its output has not the scale 1/{} and the zero point {} that softmax is defined with",
                    1 / fixed.scales[0], fixed.zero_points[0]),
        "convert the model with TensorFlow Lite's integer quantization"};
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
  expect_one_scale(inputs, graph_.nodes.back().outputs[0]);
}

void OperatorReader::expect_one_scale(const std::vector<TensorId>& inputs, TensorId output) const {
  for (const TensorId id : inputs) {
    if (graph_.tensor(id).quantization != graph_.tensor(output).quantization) {
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
  if (item.inputs.size() == 3) {  // PADV2
    const Tensor& value = graph_.tensor(tensors_.weight(item.inputs[2], graph_.tensor(x).type));
    const auto& q = graph_.tensor(x).quantization;
    if (value.elements() != 1) file_.malformed(fmt::format("operator '{}' pads with many values", item.name));
    if (value.type == DataType::kFloat32) {
      op.value = value.values<float>()[0];
    } else if (value.type == DataType::kInt8 && q) {
      op.value = q->scales[0] * static_cast<float>(value.values<int8_t>()[0] - q->zero_points[0]);
    } else if (value.type == DataType::kInt16 && q) {
      op.value = q->scales[0] * static_cast<float>(value.values<int16_t>()[0]);
    } else {
      throw Unsupported{fmt::format("the value '{}' that it pads with has another type", value.name),
                        "convert the model again"};
    }
    if (std::isnan(op.value)) file_.malformed(fmt::format("operator '{}' pads with no number", item.name));
    op.value = std::clamp(op.value, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max());
  }
  append(item, op, {x});
}

/// Whether an operator works on integers without a scale, as shapes are: its results only say how a Reshape
/// is to be done, which its output's own shape says, too.
bool OperatorReader::computes_a_shape(const schema::Operator& o, schema::BuiltinOperator code) const {
  using enum schema::BuiltinOperator;
  static constexpr schema::BuiltinOperator kCodes[] = {
      SHAPE,     STRIDED_SLICE, SLICE,       PACK, CONCATENATION, MUL,     ADD,
      SUB,       GATHER,        REDUCE_PROD, CAST, EXPAND_DIMS,   SQUEEZE, RESHAPE,
      FLOOR_DIV, MAXIMUM,       MINIMUM,     FILL, RANGE,         SPLIT,   UNPACK};
  if (std::find(std::begin(kCodes), std::end(kCodes), code) == std::end(kCodes)) return false;
  const size_t outputs = o.outputs() == nullptr ? 0 : o.outputs()->size();
  for (size_t i = 0; i < outputs; ++i) {
    if (!tensors_.is_plain_integer(o.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i)))) return false;
  }
  return outputs != 0;
}

/// The axes that a reduction names, ascending.
std::vector<int32_t> OperatorReader::neighbouring_axes(const Item& item, TensorId x) const {
  const auto rank = static_cast<int64_t>(graph_.tensor(x).shape.size());
  std::vector<int32_t> result;
  for (int64_t axis : tensors_.integers(item.inputs[1])) {
    if (axis < -rank || axis >= rank)
      file_.malformed(fmt::format("operator '{}' has axis {}", item.name, axis));
    result.push_back(static_cast<int32_t>(axis < 0 ? axis + rank : axis));
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  if (result.empty() || result.front() == 0 ||
      result.back() - result.front() + 1 != static_cast<int32_t>(result.size())) {
    throw Unsupported{"its axes are not neighbours, or hold the batch",
                      "reduce neighbouring axes, such as rows and columns"};
  }
  return result;
}

/// A tensor like `id` with another shape and a longer name, for what the file leaves implicit.
TensorId OperatorReader::like(TensorId id, const Shape& shape, std::string_view suffix) {
  Tensor tensor = graph_.tensor(id);
  const size_t scales = tensor.quantization ? tensor.quantization->scales.size() : 0;
  file_.charge(tensor.name.size() + suffix.size() + sizeof(Node) +
               scales * (sizeof(float) + sizeof(int32_t)));
  tensor.name += suffix;
  tensor.shape = shape;
  return graph_.add(std::move(tensor));
}

/// The activation `x` in another shape of as many elements, by a Reshape before the operator `name`.
TensorId OperatorReader::reshaped_before(const std::string& name, TensorId x, const Shape& shape) {
  if (graph_.tensor(x).shape == shape) return x;
  if (graph_.tensor(x).is_constant()) {
    throw Unsupported{"its input is a constant", "fold constants when exporting the model"};
  }
  const TensorId result = like(x, shape, kInsertedBefore);
  graph_.nodes.push_back({name + std::string(kInsertedBefore), Reshape{shape}, {x}, {result}});
  return result;
}

/// Appends an operator that gives `computed` where the file declares an output of as many elements in another
/// shape.
void OperatorReader::append_reshaped(const std::string& name, Operator op, std::vector<TensorId> inputs,
                                     int32_t output_index, const Shape& computed) {
  const Shape declared = tensors_.shape(output_index);
  if (element_count(declared) != element_count(computed)) {
    file_.malformed(fmt::format("operator '{}' gives {}, its output is declared as {}", name,
                                to_string(computed), to_string(declared)));
  }
  file_.charge(2 * name.size() + 2 * sizeof(Node));
  const TensorId output = tensors_.result(output_index);
  if (declared == computed) {
    graph_.nodes.push_back({name, std::move(op), std::move(inputs), {output}});
    return;
  }
  const TensorId between = like(output, computed, kInsertedAfter);
  graph_.nodes.push_back({name, std::move(op), std::move(inputs), {between}});
  graph_.nodes.push_back({name + std::string(kInsertedAfter), Reshape{declared}, {between}, {output}});
}

/// The maximum over rows and columns is a pooling whose window is the image; over other neighbouring axes,
/// the axes before them are the rows of an image and those behind them its channels.
void OperatorReader::reduce_max(const Item& item) {
  TensorId x = tensors_.tensor(item.inputs[0]);
  Shape shape = graph_.tensor(x).shape;
  const std::vector<int32_t> reduced = neighbouring_axes(item, x);
  if (shape.size() != 4 || reduced != std::vector<int32_t>{1, 2}) {
    const auto extent = [&](auto begin, auto end) {
      return static_cast<int32_t>(element_count({shape.begin() + begin, shape.begin() + end}));
    };
    const auto rank = static_cast<int32_t>(shape.size());
    shape = {1, extent(0, reduced.front()), extent(reduced.front(), reduced.back() + 1),
             extent(reduced.back() + 1, rank)};
    x = reshaped_before(item.name, x, shape);
    const MaxPool2D op{.kernel_h = 1, .kernel_w = shape[2], .stride_h = 1, .stride_w = shape[2]};
    return append_reshaped(item.name, op, {x}, item.output, {1, shape[1], 1, shape[3]});
  }
  const MaxPool2D op{.kernel_h = shape[1], .kernel_w = shape[2], .stride_h = shape[1], .stride_w = shape[2]};
  append_reshaped(item.name, op, {x}, item.output, {shape[0], 1, 1, shape[3]});
}

/// A concatenation along a new axis.
void OperatorReader::pack(const Item& item) {
  const auto& o = options(item, item.file_operator.builtin_options_as_PackOptions());
  Shape part = tensors_.shape(item.inputs[0]);
  const auto rank = static_cast<int32_t>(part.size());
  const int32_t axis = o.axis() < 0 ? o.axis() + rank + 1 : o.axis();
  if (axis < 0 || axis > rank) file_.malformed(fmt::format("operator '{}' has axis {}", item.name, o.axis()));
  part.insert(part.begin() + axis, 1);
  std::vector<TensorId> inputs;
  for (size_t i = 0; i < item.inputs.size(); ++i) {
    const TensorId x = tensors_.tensor(item.inputs[i]);
    if (element_count(part) != graph_.tensor(x).elements()) {
      file_.malformed(fmt::format("operator '{}' packs tensors of several shapes", item.name));
    }
    inputs.push_back(reshaped_before(i == 0 ? item.name : fmt::format("{}#{}", item.name, i), x, part));
  }
  append(item, Concat{.axis = axis}, inputs);
  expect_one_scale(inputs, graph_.nodes.back().outputs[0]);
}

/// One Slice for each output, without the axis that it lies along.
void OperatorReader::unpack(const schema::Operator& o, const std::string& name) {
  const size_t outputs = o.outputs() == nullptr ? 0 : o.outputs()->size();
  const auto* unpacked = o.builtin_options_as_UnpackOptions();
  if (o.inputs() == nullptr || o.inputs()->size() != 1 || outputs == 0 || unpacked == nullptr) {
    file_.malformed("an unpacking lacks its input, its outputs or its options");
  }
  const TensorId x = tensors_.tensor(o.inputs()->Get(0));
  const Shape shape = graph_.tensor(x).shape;
  const auto rank = static_cast<int32_t>(shape.size());
  const int32_t axis = unpacked->axis() < 0 ? unpacked->axis() + rank : unpacked->axis();
  if (axis < 0 || axis >= rank || static_cast<size_t>(shape[static_cast<size_t>(axis)]) != outputs) {
    file_.malformed(fmt::format("operator '{}' unpacks {} wrongly", name, to_string(shape)));
  }
  for (size_t i = 0; i < outputs; ++i) {
    Slice op{.begin = std::vector<int32_t>(shape.size(), 0),
             .size = shape,
             .stride = std::vector<int32_t>(shape.size(), 1)};
    op.begin[static_cast<size_t>(axis)] = static_cast<int32_t>(i);
    op.size[static_cast<size_t>(axis)] = 1;
    file_.charge(3 * shape.size() * sizeof(int32_t));
    const Shape size = op.size;
    append_reshaped(i == 0 ? name : fmt::format("{}#{}", name, i), std::move(op), {x},
                    o.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i)), size);
  }
}

void OperatorReader::transpose(const Item& item) {
  const TensorId x = tensors_.tensor(item.inputs[0]);
  const auto rank = static_cast<int64_t>(graph_.tensor(x).shape.size());
  Transpose op;
  for (const int64_t axis : tensors_.integers(item.inputs[1])) {
    if (axis < -rank || axis >= rank)
      file_.malformed(fmt::format("operator '{}' has axis {}", item.name, axis));
    op.axes.push_back(static_cast<int32_t>(axis < 0 ? axis + rank : axis));
  }
  append(item, op, {x});
}

/// The numbers of a parameter with one for each axis.
std::vector<int32_t> OperatorReader::begins(const Item& item, size_t input, size_t rank) const {
  const std::vector<int64_t> given = tensors_.integers(item.inputs[input]);
  if (given.size() != rank) {
    file_.malformed(fmt::format("operator '{}' has {} numbers for {} axes", item.name, given.size(), rank));
  }
  std::vector<int32_t> result;
  for (const int64_t value : given) {
    result.push_back(static_cast<int32_t>(std::clamp<int64_t>(value, -(1 << 30), 1 << 30)));
  }
  return result;
}

void OperatorReader::slice(const Item& item) {
  const TensorId x = tensors_.tensor(item.inputs[0]);
  const Shape shape = graph_.tensor(x).shape;
  Slice op{.begin = begins(item, 1, shape.size()), .size = begins(item, 2, shape.size()), .stride = {}};
  for (size_t i = 0; i < shape.size(); ++i) {
    if (op.size[i] == -1) op.size[i] = shape[i] - op.begin[i];
  }
  op.stride.assign(shape.size(), 1);
  append(item, op, {x});
}

void OperatorReader::strided_slice(const Item& item) {
  const auto& o = options(item, item.file_operator.builtin_options_as_StridedSliceOptions());
  const TensorId x = tensors_.tensor(item.inputs[0]);
  const Shape shape = graph_.tensor(x).shape;
  if (o.ellipsis_mask() != 0 || o.new_axis_mask() != 0 || o.offset()) {
    throw Unsupported{"it slices with an ellipsis, a new axis or ends relative to the begin",
                      "slice with a begin, an end and a stride for each axis"};
  }
  const std::vector<int32_t> begin = begins(item, 1, shape.size());
  const std::vector<int32_t> end = begins(item, 2, shape.size());
  Slice op{.begin = {}, .size = {}, .stride = begins(item, 3, shape.size())};
  for (size_t i = 0; i < shape.size(); ++i) {
    const auto bit = int32_t{1} << i;
    if (op.stride[i] < 1) {
      throw Unsupported{fmt::format("it walks axis {} backwards", i), "slice with positive strides"};
    }
    const auto place = [&](int32_t index) {
      return std::clamp(index < 0 ? index + shape[i] : index, 0, shape[i]);
    };
    const int32_t first = (o.begin_mask() & bit) != 0 ? 0 : place(begin[i]);
    int32_t last = (o.end_mask() & bit) != 0 ? shape[i] : place(end[i]);
    if ((o.shrink_axis_mask() & bit) != 0) last = first + 1;
    op.begin.push_back(first);
    op.size.push_back(last <= first ? 0 : (last - first - 1) / op.stride[i] + 1);
  }
  const Shape size = op.size;
  append_reshaped(item.name, std::move(op), {x}, item.output, size);
}

/// One Slice for each output, which lie one after another along the axis.
void OperatorReader::split(const schema::Operator& o, const std::string& name, size_t axis_input) {
  const size_t inputs = o.inputs() == nullptr ? 0 : o.inputs()->size();
  const size_t outputs = o.outputs() == nullptr ? 0 : o.outputs()->size();
  if (inputs != axis_input / 2 + 2 || outputs == 0) file_.malformed("a split lacks its inputs or outputs");
  const TensorId x = tensors_.tensor(o.inputs()->Get(axis_input == 0 ? 1 : 0));
  const Shape shape = graph_.tensor(x).shape;
  const auto rank = static_cast<int64_t>(shape.size());
  const auto axes = tensors_.integers(o.inputs()->Get(static_cast<flatbuffers::uoffset_t>(axis_input)));
  if (axes.size() != 1 || axes[0] < -rank || axes[0] >= rank) {
    file_.malformed(fmt::format("operator '{}' has no axis of its input", name));
  }
  const auto axis = static_cast<size_t>(axes[0] < 0 ? axes[0] + rank : axes[0]);
  int32_t begin = 0;
  for (size_t i = 0; i < outputs; ++i) {
    const int32_t index = o.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i));
    const Shape part = tensors_.shape(index);
    if (part.size() != shape.size() || part[axis] > shape[axis] - begin) {
      file_.malformed(fmt::format("operator '{}' splits {} wrongly", name, to_string(shape)));
    }
    Slice op{.begin = std::vector<int32_t>(shape.size(), 0),
             .size = part,
             .stride = std::vector<int32_t>(shape.size(), 1)};
    op.begin[axis] = begin;
    begin += part[axis];
    file_.charge(name.size() + 8 + sizeof(Node) + 3 * shape.size() * sizeof(int32_t));
    const TensorId output = tensors_.result(index);
    graph_.nodes.push_back({i == 0 ? name : fmt::format("{}#{}", name, i), std::move(op), {x}, {output}});
  }
}

void OperatorReader::resize_nearest(const Item& item) {
  const auto* o = item.file_operator.builtin_options_as_ResizeNearestNeighborOptions();
  const TensorId x = tensors_.tensor(item.inputs[0]);
  const Shape shape = graph_.tensor(x).shape;
  const std::vector<int64_t> size = tensors_.integers(item.inputs[1]);
  if (shape.size() != 4 || size.size() != 2) file_.malformed(fmt::format("'{}' resizes no image", item.name));
  const bool whole = size[0] % shape[1] == 0 && size[1] % shape[2] == 0 && size[0] > 0 && size[1] > 0 &&
                     size[0] < kMaximumKernel && size[1] < kMaximumKernel;
  // With a whole factor, the nearest of half-pixel centers is the same element.
  if (!whole || (o != nullptr && o->align_corners())) {
    throw Unsupported{fmt::format("it resizes {}x{} to {}x{}", shape[1], shape[2], size[0], size[1]),
                      "resize by a whole factor without aligned corners"};
  }
  append(item,
         ResizeNearest{static_cast<int32_t>(size[0] / shape[1]), static_cast<int32_t>(size[1] / shape[2])},
         {x});
}

void OperatorReader::reshape(const Item& item) {
  append_unary(item, Reshape{.shape = tensors_.shape(item.output)});
}

}  // namespace thimble::tflite
