#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "formats/onnx/layout.h"
#include "formats/onnx/marks.h"
#include "formats/onnx/names.h"
#include "formats/onnx/onnx.h"

namespace thimble::onnx {
namespace {

/// A version of the format and of its operators.
struct Versions {
  int ir;
  int opset;
};
constexpr Versions kVersions = {7, 13};
constexpr Versions kVersionsOfInt16 = {10, 21};  ///< QuantizeLinear takes int16 from set 21 on

::onnx::TensorProto::DataType element_type(DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return ::onnx::TensorProto::FLOAT;
    case DataType::kInt64:  // the biases of int16 layers: DequantizeLinear knows no int64
    case DataType::kInt32:
      return ::onnx::TensorProto::INT32;
    case DataType::kInt16:
      return ::onnx::TensorProto::INT16;
    case DataType::kInt8:
    case DataType::kInt4:
      return ::onnx::TensorProto::INT8;
    case DataType::kUint8:
      return ::onnx::TensorProto::UINT8;
  }
  return ::onnx::TensorProto::UNDEFINED;
}

bool is_bias(DataType type) { return type == DataType::kInt32 || type == DataType::kInt64; }

/// A bias of int64 as the int32 that DequantizeLinear takes.
std::vector<std::byte> narrowed_bias(const Tensor& bias) {
  std::vector<int32_t> narrow;
  for (const int64_t value : bias.values<int64_t>()) {
    if (value < INT32_MIN || value > INT32_MAX) {
      throw Error(fmt::format("Tensor '{}'", bias.name),
                  "holds a bias beyond the 32 bits that ONNX has for it", "Write the model as .tflite");
    }
    narrow.push_back(static_cast<int32_t>(value));
  }
  return Tensor::to_bytes<int32_t>(narrow);
}

/// The width that a tensor has when the file does not say otherwise.
int32_t usual_bits(DataType type) {
  return is_bias(type) ? 32 : type == DataType::kInt16 ? 16 : type == DataType::kInt4 ? 4 : 8;
}

/// ONNX broadcasts from the last axis of NCHW, the graph from the last of NHWC: an activation of fewer axes
/// than its sum or product becomes one of four by a Reshape of its own.
Graph with_equal_ranks(const Graph& graph) {
  Graph result = graph;
  result.nodes.clear();
  Names names;
  for (const Node& node : graph.nodes) names.take(node.name);
  for (const Node& node : graph.nodes) {
    Node aligned = node;
    const bool broadcasts = std::holds_alternative<Add>(node.op) || std::holds_alternative<Sub>(node.op) ||
                            std::holds_alternative<Mul>(node.op) ||
                            std::holds_alternative<Maximum>(node.op) ||
                            std::holds_alternative<Minimum>(node.op);
    if (broadcasts && graph.tensor(node.outputs[0]).shape.size() == 4) {
      for (TensorId& id : aligned.inputs) {
        const Tensor operand = result.tensor(id);
        if (operand.is_constant() || operand.shape.size() == 4) continue;
        Shape shape(4 - operand.shape.size(), 1);
        shape.insert(shape.end(), operand.shape.begin(), operand.shape.end());
        id = result.append(Reshape{shape}, {id}, names.take(node.name + "/reshape"));
        result.tensor(id).type = operand.type;
        result.tensor(id).quantization = operand.quantization;
      }
    }
    result.nodes.push_back(std::move(aligned));
  }
  return result;
}

class Writer {
 public:
  explicit Writer(const Graph& graph) : graph_(graph) {
    const bool has_int16 = std::ranges::count(graph.tensors, DataType::kInt16, &Tensor::type) > 0;
    versions_ = has_int16 ? kVersionsOfInt16 : kVersions;
  }

  ::onnx::ModelProto write() {
    model_.set_ir_version(versions_.ir);
    model_.set_producer_name("thimble");
    auto* opset = model_.add_opset_import();
    opset->set_domain("");
    opset->set_version(versions_.opset);
    file_ = model_.mutable_graph();
    file_->set_name(graph_.name.empty() ? "graph" : graph_.name);

    take_names();
    for (const TensorId id : graph_.inputs) describe(file_->add_input(), id, value_names_[index(id)]);
    for (const Node& node : graph_.nodes) {
      node_ = &node;
      output_ = node.outputs.at(0);
      std::visit([this](const auto& op) { write_operator(op); }, node.op);
    }
    write_outputs();
    write_metadata();
    return std::move(model_);
  }

 private:
  static size_t index(TensorId id) { return static_cast<size_t>(id); }

  /// The graph's own names come first, so that the file's helpers never push one of them aside.
  void take_names() {
    value_names_.resize(graph_.tensors.size());
    std::vector<bool> used(graph_.tensors.size(), false);
    for (const TensorId id : graph_.inputs) used[index(id)] = true;
    for (const TensorId id : graph_.outputs) used[index(id)] = true;
    for (const Node& node : graph_.nodes) {
      node_names_.take(node.name);
      for (const TensorId id : node.inputs) used[index(id)] = true;
      for (const TensorId id : node.outputs) used[index(id)] = true;
    }
    for (size_t id = 0; id < used.size(); ++id) {
      if (used[id]) value_names_[id] = names_.take(graph_.tensors[id].name);
    }
  }

  void describe(::onnx::ValueInfoProto* info, TensorId id, const std::string& name) {
    const Tensor& tensor = graph_.tensor(id);
    info->set_name(name);
    auto* type = info->mutable_type()->mutable_tensor_type();
    type->set_elem_type(element_type(tensor.type));
    const Shape shape = tensor.shape.size() == 4 ? permuted(tensor.shape, kNchwFromNhwc) : tensor.shape;
    for (const int32_t extent : shape) type->mutable_shape()->add_dim()->set_dim_value(extent);
    note_width(tensor, name);
  }

  /// A graph's output must be computed by a node of the file, and once.
  void write_outputs() {
    std::set<TensorId> written(graph_.inputs.begin(), graph_.inputs.end());
    for (const TensorId id : graph_.outputs) {
      std::string name = value_names_[index(id)];
      if (graph_.tensor(id).is_constant() || !written.insert(id).second) {
        const std::string source = graph_.tensor(id).is_constant() ? initializer_of(id, canonical(id)) : name;
        name = names_.take(name + "_output");
        ::onnx::NodeProto* node = add_node("Identity", name, {source});
        node->add_output(name);
      }
      describe(file_->add_output(), id, name);
    }
  }

  void write_metadata() {
    std::map<std::string, std::string> all = graph_.metadata;
    all.insert(widths_.begin(), widths_.end());
    for (const auto& [key, value] : all) {
      auto* entry = model_.add_metadata_props();
      entry->set_key(key);
      entry->set_value(value);
    }
  }

  void note_width(const Tensor& tensor, const std::string& name) {
    const int32_t bits = tensor.quantization ? tensor.quantization->bits : usual_bits(tensor.type);
    if (tensor.type == DataType::kInt4 || bits != usual_bits(tensor.type)) {
      widths_[std::string(kWidthKey) + name] = fmt::format("{} {}", name_of(tensor.type), bits);
    }
  }

  // Nodes and initializers of the file.

  ::onnx::NodeProto* add_node(std::string_view type, const std::string& name,
                              const std::vector<std::string>& inputs) {
    ::onnx::NodeProto* node = file_->add_node();
    node->set_op_type(std::string(type));
    node->set_name(name);
    for (const std::string& input : inputs) node->add_input(input);
    return node;
  }

  static void set(::onnx::NodeProto* node, const char* name, int64_t value) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(::onnx::AttributeProto::INT);
    attribute->set_i(value);
  }

  template <typename Values>
  static void set_all(::onnx::NodeProto* node, const char* name, const Values& values) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(::onnx::AttributeProto::INTS);
    for (const auto value : values) attribute->add_ints(value);
  }

  static void set_text(::onnx::NodeProto* node, const char* name, const char* value) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(::onnx::AttributeProto::STRING);
    attribute->set_s(value);
  }

  static void set_float(::onnx::NodeProto* node, const char* name, float value) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(::onnx::AttributeProto::FLOAT);
    attribute->set_f(value);
  }

  /// An initializer of `shape` (empty: a scalar). Its bytes are the graph's: little-endian, row-major.
  void add_initializer(const std::string& name, ::onnx::TensorProto::DataType type, const Shape& shape,
                       std::span<const std::byte> data) {
    auto* tensor = file_->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (const int32_t extent : shape) tensor->add_dims(extent);
    tensor->set_raw_data(data.data(), data.size());
  }

  template <typename T>
  std::string new_initializer(const std::string& wanted, ::onnx::TensorProto::DataType type,
                              const Shape& shape, const std::vector<T>& values) {
    std::string name = names_.take(wanted);
    add_initializer(name, type, shape, std::as_bytes(std::span(values)));
    return name;
  }

  std::string scalar(float value) {
    std::string& name = scalars_[value];
    if (name.empty())
      name = new_initializer(fmt::format("constant_{}", value), ::onnx::TensorProto::FLOAT, {},
                             std::vector{value});
    return name;
  }

  /// How a constant's data goes into the file: its shape filled up to `rank` with leading ones, its axes in
  /// another order, the leading one dropped again.
  struct Placement {
    size_t rank;
    Axes axes;
    bool drop_first = false;
    auto operator<=>(const Placement&) const = default;
  };

  Placement canonical(TensorId id) const {
    const size_t rank = graph_.tensor(id).shape.size();
    return {rank, rank == 4 ? kNchwFromNhwc : identity(rank)};
  }

  std::string initializer_of(TensorId id, const Placement& placement) {
    std::string& name = constants_[{id, placement}];
    if (!name.empty()) return name;
    const Tensor& tensor = graph_.tensor(id);
    const bool first = constant_named_.insert(id).second;
    name = first ? value_names_[index(id)] : names_.take(value_names_[index(id)]);
    Shape shape(placement.rank - tensor.shape.size(), 1);
    shape.insert(shape.end(), tensor.shape.begin(), tensor.shape.end());
    const bool nibbles = tensor.type == DataType::kInt4;
    const bool wide = tensor.type == DataType::kInt64;
    const std::vector<std::byte> data = nibbles ? unpacked_int4(*tensor.data, tensor.elements())
                                        : wide  ? narrowed_bias(tensor)
                                                : *tensor.data;
    Shape file_shape = permuted(shape, placement.axes);
    if (placement.drop_first) file_shape.erase(file_shape.begin());
    add_initializer(name, element_type(tensor.type), file_shape,
                    permuted(data, data.size() / tensor.elements(), shape, placement.axes));
    note_width(tensor, name);
    return name;
  }

  // Quantization.

  struct ScaleNames {
    std::string scale;
    std::string zero_point;  ///< empty for a bias, whose zero point ONNX leaves out
  };

  ScaleNames scales_of(const std::string& tensor_name, DataType type, const Quantization& q) {
    const auto known = scales_.find(tensor_name);
    if (known != scales_.end()) return known->second;
    const Shape shape = q.per_channel() ? Shape{static_cast<int32_t>(q.scales.size())} : Shape{};
    ScaleNames names;
    names.scale = new_initializer(tensor_name + "_scale", ::onnx::TensorProto::FLOAT, shape, q.scales);
    if (type == DataType::kInt16) {
      const std::vector<int16_t> zero_points(q.zero_points.begin(), q.zero_points.end());
      names.zero_point =
          new_initializer(tensor_name + "_zero_point", ::onnx::TensorProto::INT16, shape, zero_points);
    } else if (!is_bias(type)) {
      const std::vector<int8_t> zero_points(q.zero_points.begin(), q.zero_points.end());
      names.zero_point =
          new_initializer(tensor_name + "_zero_point", ::onnx::TensorProto::INT8, shape, zero_points);
    }
    return scales_[tensor_name] = names;
  }

  /// The scale of a bias that has none of its own: that of the accumulator it is added to.
  Quantization bias_quantization(const Tensor& bias) const {
    if (bias.quantization) return *bias.quantization;
    const Quantization& x = *graph_.tensor(node_->inputs[0]).quantization;
    const Quantization& w = *graph_.tensor(node_->inputs[1]).quantization;
    Quantization q;
    q.axis = w.per_channel() ? 0 : -1;
    q.bits = 32;
    for (const float scale : w.scales) q.scales.push_back(x.scales[0] * scale);
    q.zero_points.assign(q.scales.size(), 0);
    return q;
  }

  /// The float view of an integer value of the file.
  std::string dequantized(const std::string& name, DataType type, const Quantization& q, int32_t axis) {
    std::string& result = dequantized_[name];
    if (!result.empty()) return result;
    const ScaleNames scales = scales_of(name, type, q);
    result = names_.take(name + "_real");
    std::vector<std::string> inputs = {name, scales.scale};
    if (!scales.zero_point.empty()) inputs.push_back(scales.zero_point);
    ::onnx::NodeProto* node = add_node("DequantizeLinear", node_names_.take(name + "/dequantize"), inputs);
    node->add_output(result);
    if (q.per_channel()) set(node, "axis", axis);
    return result;
  }

  /// The float value that the file's operators read for a tensor of the graph.
  std::string real(TensorId id, const Placement& placement) {
    const Tensor& tensor = graph_.tensor(id);
    const std::string name = tensor.is_constant() ? initializer_of(id, placement) : value_names_[index(id)];
    if (tensor.type == DataType::kFloat32) return name;
    if (!tensor.quantization && !is_bias(tensor.type)) {
      throw Error(fmt::format("Tensor '{}'", tensor.name), "is an integer without a scale",
                  "Give it a Quantization before writing");
    }
    const Quantization q = is_bias(tensor.type) ? bias_quantization(tensor) : *tensor.quantization;
    int32_t axis = -1;
    if (q.per_channel()) {
      const auto lead = static_cast<int32_t>(placement.rank - tensor.shape.size());
      axis = position_of(placement.axes, lead + q.axis) - (placement.drop_first ? 1 : 0);
    }
    return dequantized(name, tensor.type, q, axis);
  }
  std::string real(TensorId id) { return real(id, canonical(id)); }

  // The chain of nodes that one node of the graph becomes: helpers before it, itself, what follows it.

  std::string before(std::string_view type, const std::string& input, const std::vector<std::string>& more,
                     std::string_view suffix, ::onnx::NodeProto** made = nullptr) {
    std::vector<std::string> inputs = {input};
    inputs.insert(inputs.end(), more.begin(), more.end());
    ::onnx::NodeProto* node =
        add_node(type, node_names_.take(fmt::format("{}/{}", node_->name, suffix)), inputs);
    node->add_output(names_.take(fmt::format("{}_{}", value_names_[index(output_)], suffix)));
    if (made != nullptr) *made = node;
    return node->output(0);
  }

  std::string transposed(const std::string& input, const Axes& axes) {
    ::onnx::NodeProto* node = nullptr;
    std::string result = before("Transpose", input, {}, "transposed", &node);
    set_all(node, "perm", axes);
    return result;
  }

  ::onnx::NodeProto* main_node(std::string_view type, const std::vector<std::string>& inputs) {
    return last_ = add_node(type, node_->name, inputs);
  }

  ::onnx::NodeProto* follow(std::string_view type, std::string_view suffix,
                            const std::vector<std::string>& more) {
    last_->add_output(names_.take(fmt::format("{}_before_{}", value_names_[index(output_)], suffix)));
    std::vector<std::string> inputs = {last_->output(0)};
    inputs.insert(inputs.end(), more.begin(), more.end());
    return last_ = add_node(type, node_names_.take(fmt::format("{}/{}", node_->name, suffix)), inputs);
  }

  void transpose_result(const Axes& axes) {
    ::onnx::NodeProto* node = follow("Transpose", "layout", {});
    set_all(node, "perm", axes);
    node->set_doc_string(std::string(kFusedMark));
  }

  void finish(Activation activation = Activation::kNone) {
    if (activation == Activation::kRelu) follow("Relu", "relu", {})->set_doc_string(std::string(kFusedMark));
    if (activation == Activation::kRelu6) {
      follow("Clip", "relu6", {scalar(0), scalar(6)})->set_doc_string(std::string(kFusedMark));
    }
    const Tensor& output = graph_.tensor(output_);
    if (output.type != DataType::kFloat32) {
      const ScaleNames scales = scales_of(value_names_[index(output_)], output.type, *output.quantization);
      follow("QuantizeLinear", "quantize", {scales.scale, scales.zero_point});
    }
    finish_as_is();
  }

  void finish_as_is() {
    last_->add_output(value_names_[index(output_)]);
    note_width(graph_.tensor(output_), value_names_[index(output_)]);
  }

  // The operators.

  const Shape& input_shape(size_t input) const { return graph_.tensor(node_->inputs[input]).shape; }
  const Shape& output_shape() const { return graph_.tensor(output_).shape; }
  static int64_t file_axis(size_t rank, int32_t axis) {
    return rank == 4 ? position_of(kNchwFromNhwc, axis) : axis;
  }

  template <typename Window>
  static void set_window(::onnx::NodeProto* node, const Window& op, int32_t kernel_h, int32_t kernel_w) {
    set_all(node, "kernel_shape", std::vector{kernel_h, kernel_w});
    set_all(node, "strides", std::vector{op.stride_h, op.stride_w});
    set_all(node, "pads", std::vector{op.padding.top, op.padding.left, op.padding.bottom, op.padding.right});
  }

  template <typename Conv>
  void write_convolution(const Conv& op, const Placement& weights, int32_t groups) {
    std::vector<std::string> inputs = {real(node_->inputs[0]), real(node_->inputs[1], weights)};
    if (node_->inputs.size() == 3) inputs.push_back(real(node_->inputs[2]));
    ::onnx::NodeProto* node = main_node("Conv", inputs);
    set_window(node, op, input_shape(1)[1], input_shape(1)[2]);
    set_all(node, "dilations", std::vector{op.dilation_h, op.dilation_w});
    set(node, "group", groups);
    const bool reads_as_depthwise = groups > 1 && groups == input_shape(0)[3];
    if (reads_as_depthwise != std::is_same_v<Conv, DepthwiseConv2D>)
      node->set_doc_string(std::string(Conv::kName));
    finish(op.activation);
  }

  void write_operator(const Conv2D& op) { write_convolution(op, {4, kNchwFromNhwc}, op.groups); }

  void write_operator(const DepthwiseConv2D& op) {
    if (!graph_.tensor(node_->inputs[1]).is_constant()) {
      throw Error(fmt::format("DepthwiseConv2D '{}'", node_->name), "has weights that are not constant",
                  "Make them a constant before writing");
    }
    write_convolution(op, {4, kOihwFromDepthwise}, input_shape(0)[3]);
  }

  void write_operator(const FullyConnected& op) {
    std::vector<std::string> inputs;
    for (const TensorId id : node_->inputs) inputs.push_back(real(id));
    set(main_node("Gemm", inputs), "transB", 1);
    finish(op.activation);
  }

  /// An operand of a broadcast: a constant of fewer axes than a result of four goes in as (C), (C, 1, 1), ...
  std::string operand(TensorId id) {
    const Tensor& tensor = graph_.tensor(id);
    const size_t rank = tensor.shape.size();
    if (output_shape().size() == 4 && rank < 4 && tensor.is_constant())
      return real(id, {4, kNchwFromNhwc, true});
    return real(id);
  }

  void write_operator(const Add& op) {
    main_node("Add", {operand(node_->inputs[0]), operand(node_->inputs[1])});
    finish(op.activation);
  }

  void write_operator(const Mul& op) {
    main_node("Mul", {operand(node_->inputs[0]), operand(node_->inputs[1])});
    finish(op.activation);
  }

  void write_operator(const Sub& op) {
    main_node("Sub", {operand(node_->inputs[0]), operand(node_->inputs[1])});
    finish(op.activation);
  }

  void write_operator(const Maximum&) {
    main_node("Max", {operand(node_->inputs[0]), operand(node_->inputs[1])});
    finish();
  }

  void write_operator(const Minimum&) {
    main_node("Min", {operand(node_->inputs[0]), operand(node_->inputs[1])});
    finish();
  }

  void write_operator(const Sigmoid&) {
    main_node("Sigmoid", {real(node_->inputs[0])});
    finish();
  }

  void write_operator(const Tanh&) {
    main_node("Tanh", {real(node_->inputs[0])});
    finish();
  }

  /// ONNX has the operator from set 14 on; before, it is this product.
  void write_operator(const HardSwish&) {
    const std::string input = real(node_->inputs[0]);
    ::onnx::NodeProto* gate = nullptr;
    const std::string gated = before("HardSigmoid", input, {}, "hard_sigmoid", &gate);
    set_float(gate, "alpha", 1.0F / 6);
    set_float(gate, "beta", 0.5F);
    main_node("Mul", {input, gated});
    finish();
  }

  void write_operator(const LeakyRelu& op) {
    set_float(main_node("LeakyRelu", {real(node_->inputs[0])}), "alpha", op.alpha);
    finish();
  }

  void write_operator(const Transpose& op) {
    std::string input = real(node_->inputs[0]);
    if (op.axes.size() == 4) input = transposed(input, kNhwcFromNchw);
    ::onnx::NodeProto* node = main_node("Transpose", {input});
    set_all(node, "perm", op.axes);
    node->set_doc_string(std::string(Transpose::kName));
    if (op.axes.size() == 4) transpose_result(kNchwFromNhwc);
    finish();
  }

  std::string integers(std::string_view what, const std::vector<int64_t>& values) {
    return new_initializer(fmt::format("{}_{}", value_names_[index(output_)], what),
                           ::onnx::TensorProto::INT64, {static_cast<int32_t>(values.size())}, values);
  }

  void write_operator(const Slice& op) {
    const size_t rank = op.size.size();
    std::vector<int64_t> begin(rank);
    std::vector<int64_t> end(rank);
    std::vector<int64_t> steps(rank);
    for (size_t axis = 0; axis < rank; ++axis) {
      const auto at = static_cast<size_t>(file_axis(rank, static_cast<int32_t>(axis)));
      begin[at] = op.begin[axis];
      end[at] = op.begin[axis] + int64_t{op.size[axis] - 1} * op.stride[axis] + 1;
      steps[at] = op.stride[axis];
    }
    const Axes all = identity(rank);
    const std::string starts = integers("begin", begin);
    const std::string ends = integers("end", end);
    const std::string axes = integers("axes", {all.begin(), all.end()});
    main_node("Slice", {real(node_->inputs[0]), starts, ends, axes, integers("steps", steps)});
    finish();
  }

  void write_operator(const ResizeNearest& op) {
    const std::string scales = new_initializer(
        value_names_[index(output_)] + "_scales", ::onnx::TensorProto::FLOAT, {4},
        std::vector<float>{1, 1, static_cast<float>(op.factor_h), static_cast<float>(op.factor_w)});
    ::onnx::NodeProto* node = main_node("Resize", {real(node_->inputs[0]), "", scales});
    set_text(node, "mode", "nearest");
    set_text(node, "coordinate_transformation_mode", "asymmetric");
    set_text(node, "nearest_mode", "floor");
    finish();
  }

  void write_operator(const MaxPool2D& op) {
    set_window(main_node("MaxPool", {real(node_->inputs[0])}), op, op.kernel_h, op.kernel_w);
    finish(op.activation);
  }

  void write_operator(const AveragePool2D& op) {
    ::onnx::NodeProto* node = main_node("AveragePool", {real(node_->inputs[0])});
    set_window(node, op, op.kernel_h, op.kernel_w);
    set(node, "count_include_pad", 0);
    finish(op.activation);
  }

  void write_operator(const Mean& op) {
    const size_t rank = input_shape(0).size();
    std::vector<int64_t> axes;
    for (const int32_t axis : op.axes) axes.push_back(file_axis(rank, axis));
    std::sort(axes.begin(), axes.end());
    std::vector<std::string> inputs = {real(node_->inputs[0])};
    const bool as_input = versions_.opset >= 18;
    if (as_input) inputs.push_back(integers("axes", axes));
    ::onnx::NodeProto* node = main_node("ReduceMean", inputs);
    if (!as_input) set_all(node, "axes", axes);
    set(node, "keepdims", op.keep_dims ? 1 : 0);
    const bool one_row_axis = op.axes == std::vector{1} || op.axes == std::vector{2};
    if (rank == 4 && !op.keep_dims && one_row_axis) transpose_result({0, 2, 1});
    if (rank != 4 && output_shape().size() == 4) transpose_result(kNchwFromNhwc);
    finish();
  }

  void write_operator(const Softmax& op) {
    const size_t rank = input_shape(0).size();
    std::string input = real(node_->inputs[0]);
    if (op.beta != 1.0F) {
      ::onnx::NodeProto* scaling = nullptr;
      input = before("Mul", input, {scalar(op.beta)}, "beta", &scaling);
      scaling->set_doc_string(std::string(kFusedMark));
    }
    set(main_node("Softmax", {input}), "axis", file_axis(rank, static_cast<int32_t>(rank) - 1));
    finish();
  }

  void write_operator(const Reshape& op) {
    std::string input = real(node_->inputs[0]);
    const Shape& from = input_shape(0);
    if (from.size() == 4 && !moves_nothing(from, kNchwFromNhwc)) input = transposed(input, kNhwcFromNchw);
    const std::vector<int64_t> shape(op.shape.begin(), op.shape.end());
    const std::string shape_name =
        new_initializer(value_names_[index(output_)] + "_shape", ::onnx::TensorProto::INT64,
                        {static_cast<int32_t>(shape.size())}, shape);
    main_node("Reshape", {input, shape_name});
    if (shape.size() == 4) transpose_result(kNchwFromNhwc);
    finish();
  }

  void write_operator(const Concat& op) {
    std::vector<std::string> inputs;
    for (const TensorId id : node_->inputs) inputs.push_back(real(id));
    set(main_node("Concat", inputs), "axis", file_axis(output_shape().size(), op.axis));
    finish();
  }

  void write_operator(const Pad& op) {
    const size_t rank = op.before.size();
    std::vector<int64_t> pads(2 * rank);
    for (size_t axis = 0; axis < rank; ++axis) {
      const auto at = static_cast<size_t>(file_axis(rank, static_cast<int32_t>(axis)));
      pads[at] = op.before[axis];
      pads[rank + at] = op.after[axis];
    }
    const std::string pads_name =
        new_initializer(value_names_[index(output_)] + "_pads", ::onnx::TensorProto::INT64,
                        {static_cast<int32_t>(pads.size())}, pads);
    std::vector<std::string> inputs = {real(node_->inputs[0]), pads_name};
    if (op.value != 0) inputs.push_back(scalar(op.value));
    main_node("Pad", inputs);
    finish();
  }

  void write_operator(const Quantize&) {
    const Tensor& output = graph_.tensor(output_);
    const ScaleNames scales = scales_of(value_names_[index(output_)], output.type, *output.quantization);
    main_node("QuantizeLinear", {real(node_->inputs[0]), scales.scale, scales.zero_point});
    finish_as_is();
  }

  void write_operator(const Dequantize&) {
    const TensorId input = node_->inputs[0];
    const Tensor& tensor = graph_.tensor(input);
    const std::string name =
        tensor.is_constant() ? initializer_of(input, canonical(input)) : value_names_[index(input)];
    const ScaleNames scales = scales_of(name, tensor.type, *tensor.quantization);
    main_node("DequantizeLinear", {name, scales.scale, scales.zero_point});
    finish_as_is();
  }

  void write_operator(const BatchNorm& op) {
    const size_t rank = input_shape(0).size();
    std::vector<std::string> inputs;
    for (const TensorId id : node_->inputs) inputs.push_back(real(id));
    if (rank == 3) inputs[0] = transposed(inputs[0], {0, 2, 1});
    set_float(main_node("BatchNormalization", inputs), "epsilon", op.epsilon);
    if (rank == 3) transpose_result({0, 2, 1});
    finish();
  }

  void write_operator(const Relu&) {
    main_node("Relu", {real(node_->inputs[0])});
    finish();
  }

  void write_operator(const Relu6&) {
    main_node("Clip", {real(node_->inputs[0]), scalar(0), scalar(6)});
    finish();
  }

  const Graph& graph_;
  Versions versions_;
  ::onnx::ModelProto model_;
  ::onnx::GraphProto* file_ = nullptr;
  Names names_;
  Names node_names_;
  std::vector<std::string> value_names_;  ///< the file's name of each tensor of the graph
  std::map<std::pair<TensorId, Placement>, std::string> constants_;
  std::set<TensorId> constant_named_;
  std::map<std::string, std::string> dequantized_;
  std::map<std::string, ScaleNames> scales_;
  std::map<float, std::string> scalars_;
  std::map<std::string, std::string> widths_;
  const Node* node_ = nullptr;
  TensorId output_ = kNoTensor;
  ::onnx::NodeProto* last_ = nullptr;
};

}  // namespace

std::string to_onnx(const Graph& graph) {
  validate(graph);
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.type != DataType::kUint8) continue;
    throw Error(fmt::format("Tensor '{}'", tensor.name),
                "is uint8, which the QDQ form that is written here has not",
                "Convert the model with int8 inputs and outputs");
  }
  const Graph aligned = with_equal_ranks(graph);
  const ::onnx::ModelProto model = Writer(aligned).write();
  if (model.ByteSizeLong() > INT_MAX) {
    throw Error(fmt::format("Model '{}'", graph.name), "is larger than the 2 GB that an ONNX file can hold",
                "Use a smaller network: no microcontroller holds this one");
  }
  return model.SerializeAsString();
}

void write_onnx(const Graph& graph, const std::filesystem::path& path) {
  write_file_atomically(path, to_onnx(graph));
}

}  // namespace thimble::onnx
