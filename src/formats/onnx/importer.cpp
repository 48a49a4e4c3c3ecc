#include "formats/onnx/importer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "formats/onnx/marks.h"

namespace thimble::onnx {
namespace {

constexpr int64_t kOldestOpset = 7;
constexpr int64_t kNewestOpset = 21;
constexpr size_t kMostFindings = 1000;

/// Operators that are not supported and whose result has the shape of their first input.
bool keeps_shape(std::string_view type) {
  static const std::set<std::string_view> types = {"Abs",
                                                   "Acos",
                                                   "Asin",
                                                   "Atan",
                                                   "Ceil",
                                                   "Celu",
                                                   "Clip",
                                                   "Cos",
                                                   "Cosh",
                                                   "Elu",
                                                   "Erf",
                                                   "Exp",
                                                   "Floor",
                                                   "Gelu",
                                                   "Log",
                                                   "LogSoftmax",
                                                   "LRN",
                                                   "Mish",
                                                   "Neg",
                                                   "Not",
                                                   "PRelu",
                                                   "Reciprocal",
                                                   "Round",
                                                   "Selu",
                                                   "Shrink",
                                                   "Sign",
                                                   "Sin",
                                                   "Sinh",
                                                   "Softplus",
                                                   "Softsign",
                                                   "Sqrt",
                                                   "Tan",
                                                   "InstanceNormalization",
                                                   "LayerNormalization",
                                                   "GroupNormalization",
                                                   "LpNormalization",
                                                   "MeanVarianceNormalization",
                                                   "ThresholdedRelu",
                                                   "Hardmax",
                                                   "CumSum",
                                                   "Swish",
                                                   "RMSNormalization"};
  return types.contains(type);
}

/// What to do instead of an operator that is not supported.
std::string remedy_of(std::string_view type) {
  const auto is = [&](std::initializer_list<std::string_view> types) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  std::string_view first = "Rebuild that layer from supported operators";
  if (is({"Erf", "Gelu", "Elu", "Selu", "Celu", "Mish", "Softplus", "Softsign", "PRelu",
          "ThresholdedRelu"})) {
    first = "Train with Relu, LeakyRelu, HardSwish or Sigmoid in its place";
  } else if (is({"InstanceNormalization", "LayerNormalization", "GroupNormalization", "LpNormalization",
                 "LRN", "MeanVarianceNormalization", "RMSNormalization"})) {
    first = "Train with BatchNormalization in its place, which costs nothing on the device";
  } else if (is({"LSTM", "GRU", "RNN", "Loop", "Scan", "If"})) {
    first = "Use 1-D convolutions over a window of time: a network has no state on the device";
  } else if (is({"ConvTranspose", "Upsample", "DepthToSpace"})) {
    first = "Upsample with Resize (nearest, a whole factor), and convolve after it";
  } else if (is({"LogSoftmax", "ArgMax", "TopK", "NonMaxSuppression", "Log"})) {
    first = "End the model before it and compute it from the outputs";
  } else if (is({"Einsum", "Attention", "ScatterND", "GatherND"})) {
    first = "Attention has no form on these devices: use convolutions";
  }
  return std::string(first) + " (docs/operators.md lists them)";
}

}  // namespace

const std::map<std::string_view, Importer::Operation>& Importer::operations() {
  static const std::map<std::string_view, Operation> table = {
      {"Add", &Importer::import_add},
      {"AveragePool", &Importer::import_average_pool},
      {"BatchNormalization", &Importer::import_batch_norm},
      {"Cast", &Importer::import_cast},
      {"Clip", &Importer::import_clip},
      {"Concat", &Importer::import_concat},
      {"Ceil", &Importer::import_constant_function},
      {"Constant", &Importer::import_constant},
      {"ConstantOfShape", &Importer::import_constant_of_shape},
      {"Conv", &Importer::import_conv},
      {"DequantizeLinear", &Importer::import_dequantize},
      {"Div", &Importer::import_div},
      {"Dropout", &Importer::import_identity},
      {"Flatten", &Importer::import_flatten},
      {"Floor", &Importer::import_constant_function},
      {"Gather", &Importer::import_gather},
      {"Gemm", &Importer::import_gemm},
      {"GlobalAveragePool", &Importer::import_global_average_pool},
      {"GlobalMaxPool", &Importer::import_global_max_pool},
      {"HardSigmoid", &Importer::import_hard_sigmoid},
      {"HardSwish", &Importer::import_hard_swish},
      {"Identity", &Importer::import_identity},
      {"LeakyRelu", &Importer::import_leaky_relu},
      {"MatMul", &Importer::import_matmul},
      {"Max", &Importer::import_max},
      {"MaxPool", &Importer::import_max_pool},
      {"Min", &Importer::import_min},
      {"Mul", &Importer::import_mul},
      {"Neg", &Importer::import_constant_function},
      {"PRelu", &Importer::import_prelu},
      {"Pad", &Importer::import_pad},
      {"QuantizeLinear", &Importer::import_quantize},
      {"Reciprocal", &Importer::import_constant_function},
      {"ReduceMax", &Importer::import_reduce_max},
      {"ReduceMean", &Importer::import_reduce_mean},
      {"Relu", &Importer::import_relu},
      {"Reshape", &Importer::import_reshape},
      {"Resize", &Importer::import_resize},
      {"Shape", &Importer::import_shape},
      {"Sigmoid", &Importer::import_sigmoid},
      {"Slice", &Importer::import_slice},
      {"Softmax", &Importer::import_softmax},
      {"Split", &Importer::import_split},
      {"Sqrt", &Importer::import_constant_function},
      {"Squeeze", &Importer::import_squeeze},
      {"Sub", &Importer::import_sub},
      {"Tanh", &Importer::import_tanh},
      {"Transpose", &Importer::import_transpose},
      {"Unsqueeze", &Importer::import_unsqueeze},
      {"Upsample", &Importer::import_resize},
  };
  return table;
}

Importer::Importer(const ::onnx::ModelProto& model, size_t file_bytes) : model_(model), store_(file_bytes) {}

Graph Importer::import(std::string_view file_name) {
  for (const auto& opset : model_.opset_import()) {
    if (opset.domain().empty() || opset.domain() == "ai.onnx") opset_ = opset.version();
  }
  if (opset_ < kOldestOpset || opset_ > kNewestOpset) {
    throw Error("Model", fmt::format("is of ONNX operator set {}", opset_),
                fmt::format("Sets {} to {} are read; export with one of them", kOldestOpset, kNewestOpset));
  }
  graph_.name = model_.graph().name();
  // What an exporter calls every graph is no name: in C, all models would have the same.
  constexpr std::array<std::string_view, 4> kOfExporters = {"torch_jit", "torch-jit-export", "main_graph",
                                                            "tf2onnx"};
  if (graph_.name.empty() || std::ranges::count(kOfExporters, graph_.name) > 0)
    graph_.name = std::filesystem::path(file_name).stem().string();
  read_widths();
  index_readers();
  if (model_.graph().sparse_initializer_size() > 0) {
    throw Error("Model", "has sparse initializers", "Export the weights as dense tensors");
  }
  const auto reported = [&](const std::string& name, const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      report(error);
      if (!values_.contains(name)) define(name, Unknown{});
    }
  };
  for (const auto& tensor : model_.graph().initializer())
    reported(tensor.name(), [&] { define(tensor.name(), store_.read(tensor, tensor.name())); });
  for (const auto& input : model_.graph().input()) reported(input.name(), [&] { read_input(input); });
  int index = 0;
  for (const auto& node : model_.graph().node()) import_node(node, index++);
  for (const auto& output : model_.graph().output()) reported(output.name(), [&] { read_output(output); });
  if (!findings_.empty()) throw ModelError(file_name, std::move(findings_));
  return std::move(graph_);
}

void Importer::read_widths() {
  for (const auto& entry : model_.metadata_props()) {
    if (!entry.key().starts_with(kWidthKey)) {
      graph_.metadata[entry.key()] = entry.value();
      continue;
    }
    const std::string& text = entry.value();
    const size_t space = std::min(text.find(' '), text.size());
    const std::string_view type = std::string_view(text).substr(0, space);
    int32_t bits = 0;
    std::from_chars(text.data() + std::min(space + 1, text.size()), text.data() + text.size(), bits);
    DataType parsed = DataType::kInt8;
    if (type == "int4") parsed = DataType::kInt4;
    if (type == "int32") parsed = DataType::kInt32;
    if (bits < 2 || bits > 32) {
      throw Error(fmt::format("Metadata '{}'", entry.key()), fmt::format("says '{}'", text),
                  "A type and a number of bits are expected, such as 'int4 4'");
    }
    widths_[entry.key().substr(kWidthKey.size())] = {parsed, bits};
  }
}

void Importer::index_readers() {
  for (const auto& node : model_.graph().node()) {
    for (const std::string& input : node.input()) readers_[input].push_back(&node);
  }
  for (const auto& output : model_.graph().output()) output_names_.insert(output.name());
}

void Importer::read_input(const ::onnx::ValueInfoProto& input) {
  if (values_.contains(input.name())) return;  // before IR version 4, initializers are inputs too
  const auto fail = [&](std::string_view reason, std::string_view remedy) {
    throw Error(fmt::format("Input '{}'", input.name()), reason, remedy);
  };
  const auto& type = input.type().tensor_type();
  Tensor tensor;
  tensor.name = input.name();
  if (type.elem_type() == ::onnx::TensorProto::INT8) {
    tensor.type = DataType::kInt8;
  } else if (type.elem_type() == ::onnx::TensorProto::INT16) {
    tensor.type = DataType::kInt16;
  } else if (type.elem_type() != ::onnx::TensorProto::FLOAT) {
    fail(fmt::format("has ONNX element type {}", type.elem_type()),
         "float32, int16 and int8 inputs are read");
  }
  Layout layout;
  for (int i = 0; i < type.shape().dim_size(); ++i) {
    const auto& dim = type.shape().dim(i);
    int64_t extent = dim.has_dim_value() ? dim.dim_value() : -1;
    if (i == 0 && extent < 1) extent = 1;  // an open batch
    if (extent < 1 || extent > std::numeric_limits<int32_t>::max()) {
      fail(fmt::format("leaves the extent of its axis {} open", i),
           "Export the model with fixed extents (only the batch may be open)");
    }
    layout.shape.push_back(static_cast<int32_t>(extent));
  }
  const size_t rank = layout.shape.size();
  if (rank < 1 || rank > 8) fail(fmt::format("has {} axes", rank), "1 to 8 are read");
  layout.axes = identity(rank);
  tensor.shape = layout.shape;
  if ((rank == 3 || rank == 4) && is_channels_first(input.name(), rank)) {
    const Shape& s = layout.shape;
    tensor.shape = rank == 4 ? Shape{s[0], s[2], s[3], s[1]} : Shape{s[0], 1, s[2], s[1]};
    layout.axes = rank == 4 ? kNchwFromNhwc : Axes{0, 3, 2};
  }
  const TensorId id = graph_.add(std::move(tensor));
  graph_.inputs.push_back(id);
  define(input.name(), Computed{id, layout, {}});
}

/// An image is channels-first unless a Transpose brings it there first; a tensor of three axes is a 1-D
/// signal only if a convolution or pooling reads it as one.
bool Importer::is_channels_first(const std::string& input, size_t rank) const {
  static const std::set<std::string, std::less<>> transparent = {"Add",
                                                                 "Cast",
                                                                 "Clip",
                                                                 "Concat",
                                                                 "DequantizeLinear",
                                                                 "Div",
                                                                 "Dropout",
                                                                 "HardSigmoid",
                                                                 "Max",
                                                                 "HardSwish",
                                                                 "Identity",
                                                                 "LeakyRelu",
                                                                 "Min",
                                                                 "Mul",
                                                                 "PRelu",
                                                                 "Pad",
                                                                 "Relu",
                                                                 "Sigmoid",
                                                                 "Slice",
                                                                 "Split",
                                                                 "QuantizeLinear",
                                                                 "Sub",
                                                                 "Tanh"};
  static const std::set<std::string, std::less<>> images = {
      "Conv",   "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization",
      "Resize", "Upsample"};
  bool seen_image = false;
  std::vector<std::string> open = {input};
  std::set<std::string> visited;
  while (!open.empty()) {
    const std::string name = open.back();
    open.pop_back();
    const auto readers = readers_.find(name);
    if (!visited.insert(name).second || readers == readers_.end()) continue;
    for (const ::onnx::NodeProto* node : readers->second) {
      if (node->op_type() == "Transpose" && rank == 4) {
        const std::vector<int64_t> order = NodeView(*node, 0).integers("perm");
        if (order == std::vector<int64_t>{0, 3, 1, 2}) return false;
      }
      if (images.contains(node->op_type())) seen_image = true;
      if (transparent.contains(node->op_type()) && node->output_size() > 0) open.push_back(node->output(0));
    }
  }
  return rank == 4 || seen_image;
}

void Importer::report(const Error& error) {
  if (findings_.size() < kMostFindings) findings_.push_back({error.where(), error.reason(), error.remedy()});
}

/// A node that cannot be translated is reported, and so are those behind it that do not depend on its result.
void Importer::import_node(const ::onnx::NodeProto& proto, int index) {
  const NodeView node(proto, index);
  try {
    return translate(node, proto);
  } catch (const ReadsUnknown&) {
  } catch (const DamagedNode& error) {
    // Behind a node that could not be translated, a contradiction may be of our making.
    if (findings_.empty()) throw;
  } catch (const Error& error) {
    report(error);
  }
  stand_in(node, proto);
}

void Importer::translate(const NodeView& node, const ::onnx::NodeProto& proto) {
  const auto found = operations().find(proto.op_type());
  const bool foreign = !proto.domain().empty() && proto.domain() != "ai.onnx";
  if (foreign || found == operations().end()) {
    node.fail(foreign ? fmt::format("is an operator of '{}', which is not supported", proto.domain())
                      : "is an operator that is not supported",
              remedy_of(proto.op_type()));
  }
  for (int i = 1; i < proto.output_size() && proto.op_type() != "Split"; ++i) {
    if (!proto.output(i).empty() && uses(proto.output(i)) > 0) {
      node.fail(
          fmt::format("has its output {} ('{}') read", i, proto.output(i)),
          "Only first outputs are supported; export the model for inference, without masks and indices");
    }
  }
  (this->*found->second)(node);
}

/// Values in place of a node's results, for the sake of further findings: its input where the operator keeps
/// the shape, and nothing known elsewhere.
void Importer::stand_in(const NodeView& node, const ::onnx::NodeProto& proto) {
  for (const std::string& output : proto.output()) {
    if (output.empty() || values_.contains(output)) continue;
    const auto input = node.has_input(0) ? values_.find(node.input(0)) : values_.end();
    const bool same = keeps_shape(proto.op_type()) && input != values_.end();
    define(output, same ? input->second : Value(Unknown{}));
  }
}

void Importer::read_output(const ::onnx::ValueInfoProto& output) {
  const auto where = fmt::format("Output '{}'", output.name());
  const auto found = values_.find(output.name());
  if (found != values_.end() && std::holds_alternative<Unknown>(found->second)) return;
  if (found == values_.end()) {
    throw Error(where, "is never computed", "The file is damaged; export the model again");
  }
  const auto* computed = std::get_if<Computed>(&found->second);
  if (computed == nullptr) throw Error(where, "is a constant", "Remove this output from the model");
  const Layout& layout = computed->layout;
  const bool channels_last =
      layout.axes == kNchwFromNhwc || layout.axes == Axes{0, 3, 2} || layout.axes == Axes{0, 2, 1};
  Computed wanted = *computed;
  if (computed->flattened ||
      !(channels_last || moves_nothing(graph_.tensor(computed->id).shape, layout.axes))) {
    // Its elements must come in the file's order.
    ::onnx::NodeProto proto;
    proto.set_op_type("Transpose");
    proto.set_name(output.name() + "/layout");
    wanted = plain(NodeView(proto, 0), wanted);
    graph_.tensor(wanted.id).name = output.name();
  }
  if (unsigned_.contains(computed->id) && graph_.tensor(computed->id).type == DataType::kInt8) {
    throw Error(where, "is uint8", "Quantize the model to int8 activations");
  }
  graph_.outputs.push_back(wanted.id);
}

}  // namespace thimble::onnx
