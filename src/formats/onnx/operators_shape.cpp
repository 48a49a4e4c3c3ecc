#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "formats/onnx/importer.h"
#include "formats/onnx/marks.h"

namespace thimble::onnx {
namespace {

/// Shapes that a model computes are small; more would be an attack on memory.
constexpr size_t kMostShapeElements = 64;

}  // namespace

/// The axes of a Squeeze, Unsqueeze or ReduceMean: an attribute in older operator sets, an input in newer
/// ones.
std::vector<int64_t> Importer::axes_of(const NodeView& node, size_t input) const {
  if (node.has_input(input)) return integer_values(constant(node, input));
  return node.integers("axes");
}

void Importer::import_reduce_mean(const NodeView& node) {
  const Computed& x = unflattened(node, 0);
  const size_t rank = x.layout.shape.size();
  const size_t graph_rank = rank_of(x.id);
  std::vector<bool> reduced(graph_rank, false);
  const std::vector<int64_t> axes = axes_of(node, 1);
  if (axes.empty()) {
    node.fail("takes the mean over every axis", "Name the axes; the batch is never reduced");
  }
  for (const int64_t axis : axes) reduced[static_cast<size_t>(x.layout.axes[node.axis(axis, rank)])] = true;
  // A 1-D signal's row goes with its columns.
  if (rank == 3 && graph_rank == 4 && reduced[2]) reduced[1] = true;

  Mean op;
  op.keep_dims = node.integer("keepdims", 1) != 0;
  for (size_t axis = 0; axis < graph_rank; ++axis) {
    if (reduced[axis]) op.axes.push_back(static_cast<int32_t>(axis));
  }
  const TensorId id = emit(node, op, {x.id});
  if (op.keep_dims) return define(node, result(id, x.layout.axes));
  Axes left;
  for (const int32_t axis : x.layout.axes) {
    if (reduced[static_cast<size_t>(axis)]) continue;
    left.push_back(axis - static_cast<int32_t>(std::count(reduced.begin(), reduced.begin() + axis, true)));
  }
  define(node, result(id, left));
}

void Importer::import_pad(const NodeView& node) {
  const Computed& x = unflattened(node, 0);
  const size_t rank = x.layout.shape.size();
  if (node.text("mode", "constant") != "constant") {
    node.fail(fmt::format("pads in mode '{}'", node.text("mode", "")), "Pad with zeros");
  }
  const float value = node.has_input(2) ? scalar(node, 2) : node.real("value", 0);
  if (value != 0) node.fail(fmt::format("pads with {}", value), "Pad with zeros");
  std::vector<int64_t> pads = node.has_input(1) ? integer_values(constant(node, 1)) : node.integers("pads");
  std::vector<int64_t> axes = node.has_input(3) ? integer_values(constant(node, 3)) : std::vector<int64_t>{};
  if (!node.has_input(3)) {
    for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (pads.size() != 2 * axes.size())
    node.fail_damaged(fmt::format("has {} pads for {} axes", pads.size(), axes.size()));
  const size_t graph_rank = rank_of(x.id);
  Pad op{.before = std::vector<int32_t>(graph_rank, 0), .after = std::vector<int32_t>(graph_rank, 0)};
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t before = pads[i];
    const int64_t after = pads[axes.size() + i];
    if (before < 0 || after < 0) node.fail("crops (a negative padding)", "Pad with zeros or more");
    if (before > std::numeric_limits<int16_t>::max() || after > std::numeric_limits<int16_t>::max()) {
      node.fail_damaged(fmt::format("pads {} and {} elements", before, after));
    }
    const auto axis = static_cast<size_t>(x.layout.axes[node.axis(axes[i], rank)]);
    op.before[axis] = static_cast<int32_t>(before);
    op.after[axis] = static_cast<int32_t>(after);
  }
  define(node, result(emit(node, op, {x.id}), x.layout.axes));
}

void Importer::import_concat(const NodeView& node) {
  bool all_constant = true;
  size_t first = node.inputs();
  for (size_t i = node.inputs(); i-- > 0;) {
    if (is_constant(node, i)) continue;
    all_constant = false;
    first = i;
  }
  if (all_constant) {  // part of a computed shape
    std::vector<int64_t> values;
    for (size_t i = 0; i < node.inputs(); ++i) {
      const std::vector<int64_t> more = integer_values(constant(node, i));
      if (values.size() + more.size() > kMostShapeElements)
        node.fail_damaged("computes a shape of too many axes");
      values.insert(values.end(), more.begin(), more.end());
    }
    return define(node, store_.make<int64_t>(node.output(), ElementType::kInt64,
                                             {static_cast<int32_t>(values.size())}, values));
  }
  const Computed lead = unflattened(node, first);
  std::vector<TensorId> inputs;
  for (size_t i = 0; i < node.inputs(); ++i) {
    if (!is_constant(node, i) && computed(node, i).layout.shape.size() != lead.layout.shape.size()) {
      node.fail_damaged("joins tensors of different numbers of axes");
    }
    inputs.push_back(i == first ? lead.id : operand(node, i, lead));
  }
  const size_t axis = node.axis(node.integer("axis", 1), lead.layout.shape.size());
  define(node, result(emit(node, Concat{lead.layout.axes[axis]}, inputs), lead.layout.axes));
}

void Importer::import_flatten(const NodeView& node) {
  const Computed& x = computed(node, 0);
  if (x.layout.shape.size() == 2) return define(node, x);
  const size_t rank = x.layout.shape.size();
  const size_t axis =
      node.integer("axis", 1) == static_cast<int64_t>(rank) ? rank : node.axis(node.integer("axis", 1), rank);
  int64_t rows = 1;
  for (size_t i = 0; i < axis; ++i) rows *= x.layout.shape[i];
  reshape_to(node, {rows, -1});
}

void Importer::import_reshape(const NodeView& node) {
  if (is_constant(node, 0)) {
    Constant reshaped = constant(node, 0);
    Shape shape;
    int64_t known = 1;
    const std::vector<int64_t> wanted =
        node.has_input(1) ? integer_values(constant(node, 1)) : node.integers("shape");
    for (const int64_t extent : wanted) known *= extent > 0 && known < (int64_t{1} << 31) ? extent : 1;
    for (const int64_t extent : wanted) {
      const int64_t taken = extent == -1 ? static_cast<int64_t>(reshaped.elements()) / known : extent;
      if (taken < 1 || taken > std::numeric_limits<int32_t>::max())
        node.fail_damaged("reshapes a constant wrongly");
      shape.push_back(static_cast<int32_t>(taken));
    }
    if (known > (int64_t{1} << 31) || shape.size() > 8 || reshaped.quantization ||
        element_count(shape) != reshaped.elements()) {
      node.fail("reshapes a constant in a way that is not supported",
                "Fold constants before import (onnxsim)");
    }
    reshaped.shape = std::move(shape);
    return define(node, reshaped);
  }
  reshape_to(node, node.has_input(1) ? integer_values(constant(node, 1)) : node.integers("shape"));
}

/// The value under another ONNX shape (0: as before, -1: what is left).
void Importer::reshape_to(const NodeView& node, const std::vector<int64_t>& wanted) {
  const Computed& x = computed(node, 0);
  const Shape& from = x.layout.shape;
  if (wanted.empty() || wanted.size() > 8)
    node.fail_damaged(fmt::format("reshapes to {} axes", wanted.size()));
  const bool copies_zero = node.integer("allowzero", 0) == 0;
  Shape request;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const int64_t extent = wanted[i] == 0 && copies_zero && i < from.size() ? from[i] : wanted[i];
    if (extent == 0 || extent < -1 || extent > std::numeric_limits<int32_t>::max()) {
      node.fail_damaged(fmt::format("reshapes to an extent of {}", extent));
    }
    request.push_back(static_cast<int32_t>(extent));
  }
  const Shape shape = infer_shape(Reshape{request}, std::vector<Shape>{from}, node.name());

  if (x.flattened) {
    if (shape == from) return define(node, x);
    if (shape != x.flattened->shape) {
      node.fail("reshapes a flattened image, whose order of elements differs on the device (NHWC)",
                "Reshape it back to what it was, or put a dense layer right behind the Flatten");
    }
    const Layout image = *x.flattened;
    const Shape graph_shape = graph_.tensor(graph_.nodes[producer_of_.at(x.id)].inputs[0]).shape;
    const TensorId id = emit(node, Reshape{permuted(image.shape, inverse(image.axes))}, {x.id});
    if (graph_.tensor(id).shape != graph_shape) node.fail_damaged("reshapes a flattened signal");
    return define(node, Computed{id, image, {}});
  }
  if (moves_nothing(graph_.tensor(x.id).shape, x.layout.axes)) {
    return define(node, result(emit(node, Reshape{request}, {x.id}), identity(shape.size())));
  }
  const Axes channels_first = shape.size() == 4   ? kNchwFromNhwc
                              : shape.size() == 3 ? Axes{0, 3, 2}
                                                  : identity(shape.size());
  const auto relayout =
      relaid(node, x, {shape, channels_first}, std::max<size_t>(shape.size(), shape.size() == 3 ? 4 : 1));
  if (relayout) return define(node, *relayout);
  if (shape.size() == 2 && shape[0] == from[0]) {
    return define(node, Computed{emit(node, Reshape{request}, {x.id}), {shape, identity(2)}, x.layout});
  }
  node.fail(fmt::format("reshapes the image {} to {}, which mixes channels with rows", to_string(from),
                        to_string(shape)),
            "Only flattening, and adding or removing axes of extent 1, are supported behind images");
}

void Importer::import_squeeze(const NodeView& node) {
  if (is_constant(node, 0)) {  // part of a computed shape
    Constant squeezed = constant(node, 0);
    std::erase(squeezed.shape, 1);
    if (squeezed.quantization)
      node.fail("squeezes quantized weights", "Fold constants before import (onnxsim)");
    return define(node, squeezed);
  }
  const Shape& from = computed(node, 0).layout.shape;
  std::vector<bool> gone(from.size(), false);
  const std::vector<int64_t> axes = axes_of(node, 1);
  for (const int64_t axis : axes) gone[node.axis(axis, from.size())] = true;
  std::vector<int64_t> wanted;
  for (size_t i = 0; i < from.size(); ++i) {
    if (gone[i] && from[i] != 1) node.fail_damaged(fmt::format("removes an axis of extent {}", from[i]));
    if (!(axes.empty() ? from[i] == 1 : gone[i])) wanted.push_back(from[i]);
  }
  if (wanted.empty()) wanted = {1};
  reshape_to(node, wanted);
}

void Importer::import_unsqueeze(const NodeView& node) {
  const std::vector<int64_t> axes = axes_of(node, 1);
  const bool of_constant = is_constant(node, 0);
  const Shape from = of_constant ? constant(node, 0).shape : computed(node, 0).layout.shape;
  const size_t rank = from.size() + axes.size();
  if (rank > 8) node.fail_damaged(fmt::format("makes {} axes", rank));
  std::vector<bool> added(rank, false);
  for (const int64_t axis : axes) added[node.axis(axis, rank)] = true;
  std::vector<int64_t> wanted;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) {
    if (!added[i] && next == from.size()) node.fail_damaged("adds an axis twice");
    wanted.push_back(added[i] ? 1 : from[next++]);
  }
  if (!of_constant) return reshape_to(node, wanted);
  Constant widened = constant(node, 0);
  if (widened.quantization) node.fail("reshapes quantized weights", "Fold constants before import (onnxsim)");
  widened.shape.assign(wanted.begin(), wanted.end());
  define(node, widened);
}

void Importer::import_transpose(const NodeView& node) {
  const auto rank = std::visit(
      [](const auto& v) {
        if constexpr (requires { v.layout; })
          return v.layout.shape.size();
        else
          return v.shape.size();
      },
      value(node, 0));
  Axes order;
  std::vector<bool> seen(rank, false);
  for (const int64_t axis : node.integers("perm")) {
    const size_t source = node.axis(axis, rank);
    if (seen[source]) node.fail_damaged("names an axis twice in perm");
    seen[source] = true;
    order.push_back(static_cast<int32_t>(source));
  }
  if (order.empty()) {
    order = identity(rank);
    std::reverse(order.begin(), order.end());
  }
  if (order.size() != rank)
    node.fail_damaged(fmt::format("has a perm of {} for {} axes", order.size(), rank));
  if (is_constant(node, 0)) return define(node, store_.permute(constant(node, 0), order));
  Computed x = std::get<Computed>(value(node, 0));
  if (x.flattened && order != identity(rank)) {
    node.fail("transposes a flattened image", "Put a dense layer right behind the Flatten");
  }
  if (node.doc() == kFusedMark && producer_of_.contains(x.id)) graph_.tensor(x.id).name = node.output();
  x.layout = {permuted(x.layout.shape, order), permuted(x.layout.axes, order)};
  define(node, x);
}

void Importer::import_identity(const NodeView& node) { define(node, value(node, 0)); }

void Importer::import_constant(const NodeView& node) {
  const std::string& name = node.output();
  if (const auto* tensor = node.find("value"); tensor != nullptr && tensor->has_t()) {
    define(node, store_.read(tensor->t(), name));
  } else if (node.has("value_float")) {
    define(node,
           store_.make<float>(name, ElementType::kFloat32, {}, std::vector{node.real("value_float", 0)}));
  } else if (node.has("value_int")) {
    define(node,
           store_.make<int64_t>(name, ElementType::kInt64, {}, std::vector{node.integer("value_int", 0)}));
  } else if (node.has("value_ints")) {
    const std::vector<int64_t> values = node.integers("value_ints");
    define(node,
           store_.make<int64_t>(name, ElementType::kInt64, {static_cast<int32_t>(values.size())}, values));
  } else if (const auto* floats = node.find("value_floats"); floats != nullptr) {
    const std::vector<float> values(floats->floats().begin(), floats->floats().end());
    define(node,
           store_.make<float>(name, ElementType::kFloat32, {static_cast<int32_t>(values.size())}, values));
  } else {
    node.fail("holds no number or tensor", "Export constants as tensors");
  }
}

void Importer::import_shape(const NodeView& node) {
  Shape shape;
  if (is_constant(node, 0)) {
    shape = constant(node, 0).shape;
  } else {
    shape = std::get<Computed>(value(node, 0)).layout.shape;
  }
  const std::vector<int64_t> values(shape.begin(), shape.end());
  if (node.has("start") || node.has("end"))
    node.fail("takes a part of a shape", "Export with operator set 13");
  define(node, store_.make<int64_t>(node.output(), ElementType::kInt64, {static_cast<int32_t>(values.size())},
                                    values));
}

void Importer::import_gather(const NodeView& node) {
  if (!is_constant(node, 0)) {
    node.fail("picks elements of a computed tensor", "Gather is supported only in the computation of shapes");
  }
  const std::vector<int64_t> source = integer_values(constant(node, 0));
  const Constant& indices = constant(node, 1);
  if (source.size() > kMostShapeElements || indices.elements() > kMostShapeElements ||
      constant(node, 0).shape.size() != 1) {
    node.fail("picks elements of a large constant", "Gather is supported only in the computation of shapes");
  }
  std::vector<int64_t> values;
  for (const int64_t index : integer_values(indices))
    values.push_back(source[node.axis(index, source.size())]);
  define(node, store_.make<int64_t>(node.output(), ElementType::kInt64, indices.shape, values));
}

void Importer::import_cast(const NodeView& node) {
  const int64_t to = node.integer("to", 0);
  if (!is_constant(node, 0)) {
    computed(node, 0);
    if (to != ::onnx::TensorProto::FLOAT)
      node.fail("casts activations", "Activations are float32 or quantized");
    return define(node, value(node, 0));
  }
  const Constant& source = constant(node, 0);
  if (to == ::onnx::TensorProto::INT64 && !source.is_float()) {
    return define(
        node, store_.make<int64_t>(source.name, ElementType::kInt64, source.shape, integer_values(source)));
  }
  if (to == ::onnx::TensorProto::FLOAT && source.is_float()) return define(node, source);
  node.fail("casts a constant between real numbers and integers", "Fold constants before import (onnxsim)");
}

}  // namespace thimble::onnx
