#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "formats/onnx/importer.h"

namespace thimble::onnx {
namespace {

/// The ONNX axes of more than one element, in the order in which the graph's tensor holds them.
std::vector<int32_t> memory_order(const Layout& layout) {
  std::vector<std::pair<int32_t, int32_t>> order;
  int32_t label = 0;
  for (size_t i = 0; i < layout.shape.size(); ++i) {
    if (layout.shape[i] != 1) order.emplace_back(layout.axes[i], label++);
  }
  std::sort(order.begin(), order.end());
  std::vector<int32_t> labels;
  for (const auto& [axis, name] : order) labels.push_back(name);
  return labels;
}

Shape without_ones(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

}  // namespace

void Importer::define(const std::string& name, Value value) {
  if (!values_.emplace(name, std::move(value)).second) {
    throw Error(fmt::format("Value '{}'", name), "is computed twice",
                "The file is damaged; export the model again");
  }
}

size_t Importer::uses(const std::string& name) const {
  const auto readers = readers_.find(name);
  return (readers == readers_.end() ? 0 : readers->second.size()) + (output_names_.contains(name) ? 1 : 0);
}

const Value& Importer::value(const NodeView& node, size_t input) const {
  const auto found = values_.find(node.input(input));
  if (found == values_.end())
    node.fail_damaged(fmt::format("reads '{}', which nothing before it computes", node.input(input)));
  if (std::holds_alternative<Unknown>(found->second)) throw ReadsUnknown{};
  return found->second;
}

bool Importer::is_constant(const NodeView& node, size_t input) const {
  return std::holds_alternative<Constant>(value(node, input));
}

const Constant& Importer::constant(const NodeView& node, size_t input) const {
  const auto* found = std::get_if<Constant>(&value(node, input));
  if (found == nullptr) {
    node.fail(fmt::format("takes '{}', which must be constant", node.input(input)),
              "Export the model with constant weights and shapes");
  }
  return *found;
}

const Computed& Importer::computed(const NodeView& node, size_t input) const {
  const auto* found = std::get_if<Computed>(&value(node, input));
  if (found == nullptr) {
    node.fail(fmt::format("computes on the constant '{}'", node.input(input)),
              "Fold constants before import (torch.onnx.export with do_constant_folding, or onnxsim)");
  }
  if (graph_.tensor(found->id).type != DataType::kFloat32) {
    node.fail("computes on integers outside of the QDQ form",
              "Quantize with DequantizeLinear before and QuantizeLinear behind each operator");
  }
  return *found;
}

Shape graph_shape(const Layout& layout, size_t rank) {
  for (const int32_t axis : layout.axes) rank = std::max(rank, static_cast<size_t>(axis) + 1);
  Shape shape(rank, 1);
  for (size_t i = 0; i < layout.axes.size(); ++i) {
    shape[static_cast<size_t>(layout.axes[i])] = layout.shape[i];
  }
  return shape;
}

Computed Importer::unflattened(const NodeView& node, size_t input) {
  const Computed& found = computed(node, input);
  return found.flattened ? plain(node, found) : found;
}

Computed Importer::moved(const NodeView& node, const Computed& x, const Axes& onnx_order,
                         const Shape& graph_shape, const Axes& axes) {
  Axes order;
  for (const int32_t axis : onnx_order) order.push_back(x.layout.axes[static_cast<size_t>(axis)]);
  for (size_t axis = 0; axis < rank_of(x.id); ++axis) {  // those that the file does not have
    const auto a = static_cast<int32_t>(axis);
    if (std::find(order.begin(), order.end(), a) == order.end()) order.push_back(a);
  }
  TensorId id = x.id;
  if (!moves_nothing(graph_.tensor(id).shape, order)) id = emit(node, Transpose{order}, {id}, "transpose");
  if (graph_.tensor(id).shape != graph_shape) id = emit(node, Reshape{graph_shape}, {id}, "reshape");
  return {id, {x.layout.shape, axes}, {}};
}

Computed Importer::plain(const NodeView& node, const Computed& x) {
  const Axes order = identity(x.layout.shape.size());
  if (!x.flattened) return moved(node, x, order, x.layout.shape, order);
  // Back to the image, into the file's order, and flat again.
  const Shape shape = graph_shape(*x.flattened);
  const Node& producer = graph_.nodes[producer_of_.at(x.id)];
  const bool only_flattens =
      std::holds_alternative<Reshape>(producer.op) && graph_.tensor(producer.inputs[0]).shape == shape;
  const TensorId image = only_flattens ? producer.inputs[0] : emit(node, Reshape{shape}, {x.id}, "image");
  const TensorId ordered = plain(node, Computed{image, *x.flattened, {}}).id;
  return {emit(node, Reshape{x.layout.shape}, {ordered}, "flatten"), {x.layout.shape, order}, {}};
}

Computed Importer::channels_last(const NodeView& node, const Computed& x) {
  const Shape& s = x.layout.shape;
  if (s.size() == 3) return moved(node, x, {0, 2, 1}, {s[0], 1, s[2], s[1]}, {0, 3, 2});
  return moved(node, x, kNhwcFromNchw, permuted(s, kNhwcFromNchw), kNchwFromNhwc);
}

Computed Importer::image(const NodeView& node, size_t input) {
  const Computed found = unflattened(node, input);
  const size_t rank = found.layout.shape.size();
  if (rank != 3 && rank != 4) {
    node.fail(fmt::format("reads a tensor of {} axes", rank),
              "Images of one or two dimensions are supported");
  }
  const auto relayout =
      relaid(node, found, {found.layout.shape, rank == 4 ? kNchwFromNhwc : Axes{0, 3, 2}}, 4);
  return relayout ? *relayout : channels_last(node, found);
}

TensorId Importer::emit(const NodeView& node, Operator op, std::vector<TensorId> inputs,
                        std::string_view suffix) {
  const bool last = suffix.empty();
  const std::string name = node_names_.take(last ? node.name() : fmt::format("{}/{}", node.name(), suffix));
  const bool quantizes = std::holds_alternative<Quantize>(op);
  const bool moves = std::holds_alternative<Reshape>(op) || std::holds_alternative<Transpose>(op);
  const TensorId source = inputs[0];
  const TensorId id = graph_.append(std::move(op), std::move(inputs), name);
  Tensor& result = graph_.tensor(id);
  result.name = last ? node.output() : name;
  result.type = quantizes ? DataType::kInt8 : moves ? graph_.tensor(source).type : DataType::kFloat32;
  if (moves) result.quantization = graph_.tensor(source).quantization;
  producer_of_[id] = graph_.nodes.size() - 1;
  return id;
}

Computed Importer::result(TensorId id, const Axes& axes) const {
  return {id, {permuted(graph_.tensor(id).shape, axes), axes}, {}};
}

std::optional<Computed> Importer::relaid(const NodeView& node, const Computed& from, const Layout& layout,
                                         size_t graph_rank) {
  if (from.layout == layout && rank_of(from.id) == graph_rank) return from;
  if (from.flattened || without_ones(from.layout.shape) != without_ones(layout.shape) ||
      memory_order(from.layout) != memory_order(layout)) {
    return std::nullopt;
  }
  const Shape shape = graph_shape(layout, graph_rank);
  TensorId source = from.id;
  const auto producer = producer_of_.find(source);
  if (producer != producer_of_.end() && std::holds_alternative<Reshape>(graph_.nodes[producer->second].op)) {
    source = graph_.nodes[producer->second].inputs[0];
  }
  return Computed{emit(node, Reshape{shape}, {source}, "reshape"), layout, {}};
}

TensorId Importer::place(const NodeView& node, const Constant& constant, const Axes& axes,
                         const Shape& shape) {
  const std::tuple key = {key_of(constant), axes, shape};
  const auto known = placed_.find(key);
  if (known != placed_.end()) return known->second;
  const TensorId id = place_own(node, constant, axes, shape);
  return placed_[key] = id;
}

TensorId Importer::place_own(const NodeView& node, const Constant& constant, const Axes& axes,
                             const Shape& shape) {
  const std::optional<Quantization>& q = constant.quantization;
  Tensor tensor;
  tensor.name = constant.name;
  tensor.shape = shape;
  if (constant.is_float()) {
    tensor.type = DataType::kFloat32;
  } else if (q && constant.type == ElementType::kInt8) {
    tensor.type = DataType::kInt8;
  } else if (q && constant.type == ElementType::kInt16) {
    tensor.type = DataType::kInt16;
  } else if (q && constant.type == ElementType::kInt32) {
    tensor.type = DataType::kInt32;
  } else {
    node.fail(fmt::format("takes the constant '{}', which holds integers", constant.name),
              "Constants must be float32, or integers behind a DequantizeLinear");
  }
  store_.reserve(constant.data.size());
  tensor.data = permuted(constant.data, element_bytes(constant.type), constant.shape, axes);
  if (q) {
    tensor.quantization = *q;
    if (q->per_channel()) {
      // `shape` differs from the permuted one by leading ones, or by merged axes behind the first.
      const int32_t moved = position_of(axes, q->axis);
      const Shape from = permuted(constant.shape, axes);
      const auto lead = static_cast<int32_t>(shape.size()) - static_cast<int32_t>(from.size());
      tensor.quantization->axis = std::max(0, moved + (moved == 0 ? 0 : lead));
    }
    tensor.quantization->bits = tensor.type == DataType::kInt32   ? 32
                                : tensor.type == DataType::kInt16 ? 16
                                                                  : 8;
    const auto width = widths_.find(constant.name);
    if (width != widths_.end()) tensor.quantization->bits = width->second.second;
    if (width != widths_.end() && width->second.first == DataType::kInt4 && tensor.type == DataType::kInt8) {
      for (const int8_t integer : tensor.values<int8_t>()) {
        if (integer < -8 || integer > 7) {
          node.fail(fmt::format("takes '{}', declared int4, with the value {}", constant.name, integer),
                    "The file is damaged; write it again");
        }
      }
      tensor.type = DataType::kInt4;
      tensor.data = packed_int4(*tensor.data);
    }
  }
  return graph_.add(std::move(tensor));
}

}  // namespace thimble::onnx
