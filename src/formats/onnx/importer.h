#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "formats/onnx/constants.h"
#include "formats/onnx/layout.h"
#include "formats/onnx/names.h"
#include "formats/onnx/node_view.h"
#include "graph/graph.h"

namespace thimble::onnx {

/// How the axes of a file's tensor lie in the graph's: ONNX axis i, of extent shape[i], is axis axes[i] of
/// the graph's tensor; axes of the graph's tensor that are not named have extent 1 (a 1-D signal's H).
struct Layout {
  Shape shape;
  Axes axes;
  bool operator==(const Layout&) const = default;
};

/// The graph's shape of a tensor of that layout, of `rank` axes or as few as hold it; axes that the file does
/// not have are 1.
Shape graph_shape(const Layout& layout, size_t rank = 0);

/// A computed value of the file: a tensor of the graph, and how to read it.
struct Computed {
  TensorId id = kNoTensor;
  Layout layout;
  /// Set for the flattened form (N, C * H * W) of a tensor that the graph keeps in another order: what it was
  /// before.
  std::optional<Layout> flattened;
};

/// The result of a node that could not be translated: what reads it cannot be either, and is not reported.
struct Unknown {};
/// Thrown where one is read.
struct ReadsUnknown {};

using Value = std::variant<Computed, Constant, Unknown>;

/// Translates the nodes of an ONNX graph one after another. The result has float operators between Quantize
/// and Dequantize, and integer constants under float operators: fold_quantization makes a Graph of it.
class Importer {
 public:
  Importer(const ::onnx::ModelProto& model, size_t file_bytes);

  /// Throws ModelError with everything in the file that no Graph can hold.
  Graph import(std::string_view file_name);

 private:
  using Operation = void (Importer::*)(const NodeView&);
  static const std::map<std::string_view, Operation>& operations();

  // Structure (importer.cpp)
  void read_widths();
  void index_readers();
  void read_input(const ::onnx::ValueInfoProto& input);
  bool is_channels_first(const std::string& input, size_t rank) const;
  void import_node(const ::onnx::NodeProto& proto, int index);
  void translate(const NodeView& node, const ::onnx::NodeProto& proto);
  void stand_in(const NodeView& node, const ::onnx::NodeProto& proto);
  void report(const Error& error);
  void read_output(const ::onnx::ValueInfoProto& output);

  // Values (values.cpp)
  void define(const std::string& name, Value value);
  void define(const NodeView& node, Value value) { define(node.output(), std::move(value)); }
  const Value& value(const NodeView& node, size_t input) const;
  bool is_constant(const NodeView& node, size_t input) const;
  const Constant& constant(const NodeView& node, size_t input) const;
  /// The one number of a constant with one element.
  float scalar(const NodeView& node, size_t input) const;
  /// A float activation; fails for a constant and for integers outside of QDQ.
  const Computed& computed(const NodeView& node, size_t input) const;
  /// As computed, but never in the flattened form, whose elements are in the graph's order.
  Computed unflattened(const NodeView& node, size_t input);
  /// As computed, as an image (N, H, W, C) of the graph.
  Computed image(const NodeView& node, size_t input);
  TensorId emit(const NodeView& node, Operator op, std::vector<TensorId> inputs,
                std::string_view suffix = "");
  Computed result(TensorId id, const Axes& axes) const;
  /// The activation under another layout that needs no element to move; nothing when some would have to.
  std::optional<Computed> relaid(const NodeView& node, const Computed& from, const Layout& layout,
                                 size_t graph_rank);
  /// The activation with its elements in the file's order: moved on the device where they lie otherwise.
  Computed plain(const NodeView& node, const Computed& x);
  /// The activation with its ONNX axes in this order on the device, under `graph_shape`.
  Computed moved(const NodeView& node, const Computed& x, const Axes& onnx_order, const Shape& graph_shape,
                 const Axes& axes);
  Computed channels_last(const NodeView& node, const Computed& x);
  /// A constant as a tensor of the graph: its axes reordered, then seen under `shape`.
  TensorId place(const NodeView& node, const Constant& constant, const Axes& axes, const Shape& shape);
  /// As place, but a tensor of its own: exporters keep equal zeros and ones once, which are not learned
  /// together.
  TensorId place_own(const NodeView& node, const Constant& constant, const Axes& axes, const Shape& shape);
  size_t rank_of(TensorId id) const { return graph_.tensor(id).shape.size(); }
  size_t uses(const std::string& name) const;

  // Operators (operators_*.cpp)
  void import_conv(const NodeView& node);
  void import_gemm(const NodeView& node);
  void import_matmul(const NodeView& node);
  void import_batch_norm(const NodeView& node);
  void import_max_pool(const NodeView& node);
  void import_average_pool(const NodeView& node);
  void import_global_average_pool(const NodeView& node);
  void import_reduce_mean(const NodeView& node);
  void import_add(const NodeView& node);
  void import_mul(const NodeView& node);
  void import_sub(const NodeView& node);
  void import_div(const NodeView& node);
  void import_max(const NodeView& node);
  void import_min(const NodeView& node);
  void import_sigmoid(const NodeView& node);
  void import_tanh(const NodeView& node);
  void import_hard_swish(const NodeView& node);
  void import_hard_sigmoid(const NodeView& node);
  void import_leaky_relu(const NodeView& node);
  void import_prelu(const NodeView& node);
  void import_global_max_pool(const NodeView& node);
  void import_reduce_max(const NodeView& node);
  void import_slice(const NodeView& node);
  void import_split(const NodeView& node);
  void import_resize(const NodeView& node);
  void import_constant_of_shape(const NodeView& node);
  void import_constant_function(const NodeView& node);
  void import_relu(const NodeView& node);
  void import_clip(const NodeView& node);
  void import_softmax(const NodeView& node);
  void import_pad(const NodeView& node);
  void import_concat(const NodeView& node);
  void import_flatten(const NodeView& node);
  void import_reshape(const NodeView& node);
  void import_squeeze(const NodeView& node);
  void import_unsqueeze(const NodeView& node);
  void import_transpose(const NodeView& node);
  void import_identity(const NodeView& node);
  void import_constant(const NodeView& node);
  void import_shape(const NodeView& node);
  void import_gather(const NodeView& node);
  void import_cast(const NodeView& node);
  void import_quantize(const NodeView& node);
  void import_dequantize(const NodeView& node);

  // Shared by operators
  struct Window;
  Window window(const NodeView& node, const Computed& image, const std::vector<int32_t>& kernel,
                const std::vector<int32_t>& dilations) const;
  template <typename Pool>
  std::pair<Pool, Padding2D> pool(const NodeView& node, const Computed& image) const;
  size_t dense(const NodeView& node, const Computed& given, const Constant& weights,
               std::optional<TensorId> bias);
  TensorId bias(const NodeView& node, const Constant& constant, int32_t channels);
  bool attach_bias(const NodeView& node);
  void broadcast(const NodeView& node, const Operator& op);
  void select(const NodeView& node, const Operator& op);
  void unary(const NodeView& node, const Operator& op);
  bool fold(const NodeView& node);
  Computed slice(const NodeView& node, const Computed& x, const Slice& by_onnx_axis, std::string_view suffix);
  TensorId number(const NodeView& node, float value, std::string_view what);
  TensorId operand(const NodeView& node, size_t input, const Computed& lead);
  void activate(const NodeView& node, Activation function);
  void reshape_to(const NodeView& node, const std::vector<int64_t>& wanted);
  void reshape_to(const NodeView& node, const Computed& x, const std::vector<int64_t>& wanted);
  void regroup(const NodeView& node, const Computed& x, const Shape& shape);
  std::vector<int64_t> axes_of(const NodeView& node, size_t input) const;
  Quantization quantization_of(const NodeView& node, bool* is_unsigned) const;

  const ::onnx::ModelProto& model_;
  int64_t opset_ = 0;
  ConstantStore store_;
  Graph graph_;
  Names node_names_;
  std::map<std::string, Value, std::less<>> values_;
  std::map<std::string, std::vector<const ::onnx::NodeProto*>, std::less<>> readers_;
  std::set<std::string, std::less<>> output_names_;
  std::map<std::string, std::pair<DataType, int32_t>, std::less<>> widths_;
  /// The tensors that hold a constant, its axes in this order, under this shape.
  std::map<std::tuple<ConstantKey, Axes, Shape>, TensorId> placed_;
  std::map<ConstantKey, std::string> reciprocals_;  ///< the values that hold 1 / a constant
  std::map<TensorId, size_t> producer_of_;          ///< the node of graph_ that computes a tensor
  /// Results of MatMul by name, which may still get a bias, and the nodes that compute them.
  std::map<std::string, size_t, std::less<>> matrix_products_;
  /// What each HardSigmoid with HardSwish's numbers was computed from.
  std::map<TensorId, TensorId> hard_sigmoids_;
  std::set<TensorId> unsigned_;  ///< int8 tensors that are uint8 in the file
  std::vector<Finding> findings_;
  std::map<std::string, float, std::less<>>
      betas_;  ///< fused factors before a Softmax, by their results' names
};

}  // namespace thimble::onnx
