#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <set>

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
  const Computed x = unflattened(node, 0);
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
  for (size_t i = 1; i < op.axes.size(); ++i) {
    if (op.axes[i] != op.axes[i - 1] + 1) {
      node.fail("takes the mean over axes that are apart on the device (NHWC)",
                "Take it over rows and columns, or over the channels, one after another");
    }
  }
  if (reduced[0])
    node.fail("takes the mean over the batch", "Name the other axes; the batch is never reduced");
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
  const Computed x = unflattened(node, 0);
  const size_t rank = x.layout.shape.size();
  if (node.text("mode", "constant") != "constant") {
    node.fail(fmt::format("pads in mode '{}'", node.text("mode", "")), "Pad with zeros");
  }
  const float value = node.has_input(2) ? scalar(node, 2) : node.real("value", 0);
  if (std::isnan(value)) node.fail_damaged("pads with no number");
  std::vector<int64_t> pads = node.has_input(1) ? integer_values(constant(node, 1)) : node.integers("pads");
  std::vector<int64_t> axes = node.has_input(3) ? integer_values(constant(node, 3)) : std::vector<int64_t>{};
  if (!node.has_input(3)) {
    for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (pads.size() != 2 * axes.size())
    node.fail_damaged(fmt::format("has {} pads for {} axes", pads.size(), axes.size()));
  const size_t graph_rank = rank_of(x.id);
  Pad op{.before = std::vector<int32_t>(graph_rank, 0),
         .after = std::vector<int32_t>(graph_rank, 0),
         .value = std::clamp(value, std::numeric_limits<float>::lowest(), std::numeric_limits<float>::max())};
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
  const size_t rank = x.layout.shape.size();
  if (rank == 2 && (node.integer("axis", 1) == 1 || node.integer("axis", 1) == -1)) return define(node, x);
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
    for (const int64_t extent : wanted) {
      if (extent == 0 || extent < -1 || extent > std::numeric_limits<int32_t>::max())
        node.fail_damaged(fmt::format("reshapes a constant to an extent of {}", extent));
      known *= extent > 0 && known < (int64_t{1} << 31) ? extent : 1;
    }
    for (const int64_t extent : wanted) {
      const int64_t taken = extent == -1 ? static_cast<int64_t>(reshaped.elements()) / known : extent;
      if (taken < 1 || taken > std::numeric_limits<int32_t>::max())
        node.fail_damaged("reshapes a constant wrongly");
      shape.push_back(static_cast<int32_t>(taken));
    }
    if (known >= (int64_t{1} << 31) || shape.size() > 8 || reshaped.quantization ||
        element_count(shape) != reshaped.elements()) {
      node.fail("reshapes a constant in a way that is not supported",
                "Fold constants before import (onnxsim)");
    }
    reshaped.shape = std::move(shape);
    return define(node, reshaped);
  }
  reshape_to(node, node.has_input(1) ? integer_values(constant(node, 1)) : node.integers("shape"));
}

void Importer::reshape_to(const NodeView& node, const std::vector<int64_t>& wanted) {
  const Computed x = computed(node, 0);
  reshape_to(node, x, wanted);
}

/// The value under another ONNX shape (0: as before, -1: what is left).
void Importer::reshape_to(const NodeView& node, const Computed& x, const std::vector<int64_t>& wanted) {
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
      const Computed ordered = plain(node, x);
      return define(node, result(emit(node, Reshape{request}, {ordered.id}), identity(shape.size())));
    }
    const Layout image = *x.flattened;
    return define(node, Computed{emit(node, Reshape{graph_shape(image)}, {x.id}), image, {}});
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
  // Rows that the graph keeps outermost, too.
  if (shape.size() == 2 && shape[0] == from[0] && (from[0] == 1 || x.layout.axes[0] == 0)) {
    return define(node, Computed{emit(node, Reshape{request}, {x.id}), {shape, identity(2)}, x.layout});
  }
  regroup(node, x, shape);
}

/// A reshape that splits and joins axes which do not lie in the file's order. Both shapes are made of common
/// factors; where those of each new axis already lie one after another, nothing moves, and otherwise one
/// Transpose of the factors brings the result to where the graph keeps it (images with their channels last).
void Importer::regroup(const NodeView& node, const Computed& x, const Shape& shape) {
  const Shape& from = x.layout.shape;
  // Where axes begin and end, as numbers of elements from the innermost on.
  const auto bounds = [](const Shape& s) {
    std::vector<int64_t> result = {1};
    for (size_t i = s.size(); i-- > 0;) result.push_back(result.back() * s[i]);
    return result;
  };
  const std::vector<int64_t> old_bounds = bounds(from);
  const std::vector<int64_t> new_bounds = bounds(shape);
  std::set<int64_t> cuts(old_bounds.begin(), old_bounds.end());
  cuts.insert(new_bounds.begin(), new_bounds.end());
  struct Factor {
    int32_t extent;
    size_t old_axis, new_axis;
  };
  std::vector<Factor> factors;
  const auto axis_at = [](const std::vector<int64_t>& b, int64_t cut) {
    size_t axis = b.size() - 2;  // the outermost whose inner bound is not beyond the cut, and that is not 1
    for (size_t i = 0; i + 1 < b.size(); ++i) {
      if (b[i] <= cut && cut < b[i + 1]) axis = b.size() - 2 - i;
    }
    return axis;
  };
  for (auto cut = cuts.begin(); std::next(cut) != cuts.end(); ++cut) {
    if (*std::next(cut) % *cut != 0) {
      const Computed ordered = plain(node, x);
      return define(node, result(emit(node, Reshape{shape}, {ordered.id}), identity(shape.size())));
    }
    factors.insert(factors.begin(), Factor{static_cast<int32_t>(*std::next(cut) / *cut),
                                           axis_at(old_bounds, *cut), axis_at(new_bounds, *cut)});
  }

  std::vector<size_t> memory;  // the factors in the order in which the device holds them
  for (size_t place = 0; place < rank_of(x.id); ++place) {
    for (size_t k = 0; k < factors.size(); ++k) {
      if (x.layout.axes[factors[k].old_axis] == static_cast<int32_t>(place)) memory.push_back(k);
    }
  }
  const auto order_of = [&](const Axes& axes) {
    std::vector<size_t> order;
    for (const int32_t axis : axes) {
      for (size_t k = 0; k < factors.size(); ++k) {
        if (factors[k].new_axis == static_cast<size_t>(axis)) order.push_back(k);
      }
    }
    return order;
  };
  Axes as_it_lies;
  for (const size_t k : memory) {
    const auto axis = static_cast<int32_t>(factors[k].new_axis);
    if (std::find(as_it_lies.begin(), as_it_lies.end(), axis) == as_it_lies.end()) as_it_lies.push_back(axis);
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    const auto axis = static_cast<int32_t>(i);
    if (std::find(as_it_lies.begin(), as_it_lies.end(), axis) == as_it_lies.end()) as_it_lies.push_back(axis);
  }
  if (order_of(as_it_lies) == memory) {
    const TensorId id = emit(node, Reshape{permuted(shape, as_it_lies)}, {x.id});
    return define(node, Computed{id, {shape, inverse(as_it_lies)}, {}});
  }

  Axes wanted = identity(shape.size());
  Layout layout{shape, identity(shape.size())};
  Shape graph_shape = shape;
  if (shape.size() == 4) {
    wanted = kNhwcFromNchw;
    layout.axes = kNchwFromNhwc;
    graph_shape = permuted(shape, kNhwcFromNchw);
  } else if (shape.size() == 3) {
    wanted = {0, 2, 1};
    layout.axes = {0, 3, 2};
    graph_shape = {shape[0], 1, shape[2], shape[1]};
  }
  Shape split;
  for (const size_t k : memory) split.push_back(factors[k].extent);
  Axes order;
  for (const size_t k : order_of(wanted)) {
    order.push_back(static_cast<int32_t>(std::find(memory.begin(), memory.end(), k) - memory.begin()));
  }
  TensorId id = emit(node, Reshape{split}, {x.id}, "split");
  id = emit(node, Transpose{order}, {id}, "transpose");
  define(node, Computed{emit(node, Reshape{graph_shape}, {id}), layout, {}});
}

void Importer::import_squeeze(const NodeView& node) {
  const bool of_constant = is_constant(node, 0);
  const Shape from = of_constant ? constant(node, 0).shape : computed(node, 0).layout.shape;
  std::vector<bool> gone(from.size(), false);
  const std::vector<int64_t> axes = axes_of(node, 1);
  for (const int64_t axis : axes) gone[node.axis(axis, from.size())] = true;
  std::vector<int64_t> wanted;
  for (size_t i = 0; i < from.size(); ++i) {
    if (gone[i] && from[i] != 1) node.fail_damaged(fmt::format("removes an axis of extent {}", from[i]));
    if (!(axes.empty() ? from[i] == 1 : gone[i])) wanted.push_back(from[i]);
  }
  if (!of_constant) return reshape_to(node, wanted.empty() ? std::vector<int64_t>{1} : wanted);
  Constant squeezed = constant(node, 0);
  if (squeezed.quantization)
    node.fail("squeezes quantized weights", "Fold constants before import (onnxsim)");
  squeezed.shape.assign(wanted.begin(), wanted.end());
  define(node, squeezed);
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
  const size_t rank = is_constant(node, 0) ? constant(node, 0).shape.size()
                                           : std::get<Computed>(value(node, 0)).layout.shape.size();
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
  if (x.flattened && order != identity(rank)) x = plain(node, x);
  if (node.doc() == Transpose::kName && rank_of(x.id) == rank) {  // one that the graph had
    return define(node,
                  result(emit(node, Transpose{permuted(x.layout.axes, order)}, {x.id}), identity(rank)));
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
  const auto rank = static_cast<int64_t>(shape.size());
  const auto place = [&](int64_t axis) {
    return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank);
  };
  const int64_t begin = place(node.integer("start", 0));
  const int64_t end = std::max(begin, place(node.integer("end", rank)));
  const std::vector<int64_t> values(shape.begin() + begin, shape.begin() + end);
  define(node, store_.make<int64_t>(node.output(), ElementType::kInt64, {static_cast<int32_t>(values.size())},
                                    values));
}

void Importer::import_gather(const NodeView& node) {
  if (!is_constant(node, 0)) {  // one index of an axis
    const Computed x = unflattened(node, 0);
    const size_t rank = x.layout.shape.size();
    const Constant& chosen = constant(node, 1);
    if (chosen.elements() != 1 || chosen.shape.size() > 1) {
      node.fail(fmt::format("picks {} elements of a computed tensor", chosen.elements()),
                "Pick one, or a range with Slice");
    }
    const size_t axis = node.axis(node.integer("axis", 0), rank);
    const int32_t extent = x.layout.shape[axis];
    Slice op{.begin = std::vector<int32_t>(rank, 0),
             .size = x.layout.shape,
             .stride = std::vector<int32_t>(rank, 1)};
    op.begin[axis] = static_cast<int32_t>(node.axis(integer_values(chosen)[0], static_cast<size_t>(extent)));
    op.size[axis] = 1;
    const bool drops_axis = chosen.shape.empty();
    const Computed part = slice(node, x, op, drops_axis ? "slice" : "");
    if (!drops_axis) return define(node, part);
    std::vector<int64_t> wanted(part.layout.shape.begin(), part.layout.shape.end());
    wanted.erase(wanted.begin() + static_cast<int64_t>(axis));
    if (wanted.empty()) wanted = {1};
    return reshape_to(node, part, wanted);
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
  if (to == ::onnx::TensorProto::FLOAT && !source.quantization) {
    std::vector<float> values;
    for (const int64_t value : integer_values(source)) values.push_back(static_cast<float>(value));
    return define(node, store_.make<float>(source.name, ElementType::kFloat32, source.shape, values));
  }
  if (to == ::onnx::TensorProto::INT64 && source.is_float()) {
    std::vector<int64_t> values;
    for (const float value : source.values<float>()) {
      if (!(std::abs(value) < 1e15F)) node.fail_damaged("casts a number that no integer holds");
      values.push_back(static_cast<int64_t>(value));
    }
    return define(node, store_.make<int64_t>(source.name, ElementType::kInt64, source.shape, values));
  }
  node.fail("casts a constant to a type that is not supported", "Fold constants before import (onnxsim)");
}

/// The part of an activation; `by_onnx_axis` counts the axes as the file does.
Computed Importer::slice(const NodeView& node, const Computed& x, const Slice& by_onnx_axis,
                         std::string_view suffix) {
  const Shape& whole = graph_.tensor(x.id).shape;
  Slice op{.begin = std::vector<int32_t>(whole.size(), 0),
           .size = whole,
           .stride = std::vector<int32_t>(whole.size(), 1)};
  for (size_t i = 0; i < x.layout.axes.size(); ++i) {
    const auto axis = static_cast<size_t>(x.layout.axes[i]);
    op.begin[axis] = by_onnx_axis.begin[i];
    op.size[axis] = by_onnx_axis.size[i];
    op.stride[axis] = by_onnx_axis.stride[i];
  }
  return result(emit(node, op, {x.id}, suffix), x.layout.axes);
}

void Importer::import_slice(const NodeView& node) {
  const bool of_constant = is_constant(node, 0);
  const bool inputs = node.inputs() > 1;  // attributes before operator set 10
  const auto list = [&](size_t input, const char* attribute) {
    if (!inputs) return node.integers(attribute);
    return node.has_input(input) ? integer_values(constant(node, input)) : std::vector<int64_t>{};
  };
  const std::vector<int64_t> starts = list(1, "starts");
  const std::vector<int64_t> ends = list(2, "ends");
  std::vector<int64_t> axes = list(3, "axes");
  std::vector<int64_t> steps = inputs ? list(4, "") : std::vector<int64_t>{};
  const Computed x = of_constant ? Computed{} : unflattened(node, 0);
  const Shape shape = of_constant ? constant(node, 0).shape : x.layout.shape;
  const size_t rank = shape.size();
  if (axes.empty()) {
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
    node.fail_damaged("has not one start, end, axis and step for each other");
  }
  Slice op{.begin = std::vector<int32_t>(rank, 0), .size = shape, .stride = std::vector<int32_t>(rank, 1)};
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = node.axis(axes[i], rank);
    const int64_t extent = shape[axis];
    const int64_t step = steps[i];
    if (step == 0) node.fail_damaged("has a step of 0");
    const int64_t limited =
        std::clamp<int64_t>(step, -std::max<int64_t>(extent, 1), std::max<int64_t>(extent, 1));
    const auto place = [&](int64_t index, int64_t low, int64_t high) {
      const int64_t absolute = index < 0 ? (index < -extent ? low : index + extent) : index;
      return std::clamp<int64_t>(absolute, low, high);
    };
    if (limited < 0 && !of_constant) node.fail("walks backwards", "Slice with positive steps");
    const int64_t first = limited > 0 ? place(starts[i], 0, extent) : place(starts[i], 0, extent - 1);
    const int64_t last = limited > 0 ? place(ends[i], 0, extent) : place(ends[i], -1, extent - 1);
    const int64_t count =
        limited > 0 ? (last - first + limited - 1) / limited : (first - last - limited - 1) / -limited;
    if (count < 1) node.fail("takes nothing of its input", "Remove that branch of the model");
    op.begin[axis] = static_cast<int32_t>(first);
    op.size[axis] = static_cast<int32_t>(count);
    op.stride[axis] = static_cast<int32_t>(limited);
  }
  if (!of_constant) return define(node, slice(node, x, op, ""));

  const Constant& source = constant(node, 0);
  if (source.quantization) node.fail("slices quantized weights", "Fold constants before import (onnxsim)");
  const size_t width = element_bytes(source.type);
  const size_t elements = element_count(op.size);
  store_.reserve(elements * width);
  std::vector<std::byte> data(elements * width);
  for (size_t i = 0; i < elements; ++i) {
    size_t rest = i;
    int64_t from = 0;
    int64_t step = 1;
    for (size_t axis = rank; axis-- > 0;) {
      const auto extent = static_cast<size_t>(op.size[axis]);
      from += step * (op.begin[axis] + static_cast<int64_t>(rest % extent) * op.stride[axis]);
      rest /= extent;
      step *= shape[axis];
    }
    std::memcpy(data.data() + i * width, source.data.data() + static_cast<size_t>(from) * width, width);
  }
  define(node, store_.keep(source.name, source.type, op.size, std::move(data)));
}

void Importer::import_split(const NodeView& node) {
  if (is_constant(node, 0)) node.fail("splits a constant", "Fold constants before import (onnxsim)");
  const Computed x = unflattened(node, 0);
  const size_t rank = x.layout.shape.size();
  const size_t axis = node.axis(node.integer("axis", 0), rank);
  const int64_t extent = x.layout.shape[axis];
  const auto parts = static_cast<int64_t>(node.outputs());
  std::vector<int64_t> sizes = node.has_input(1) ? integer_values(constant(node, 1)) : node.integers("split");
  if (sizes.empty()) {
    const int64_t size = parts == 0 ? 0 : (extent + parts - 1) / parts;
    for (int64_t i = 0; i < parts; ++i) sizes.push_back(std::min(size, extent - i * size));
  }
  if (static_cast<int64_t>(sizes.size()) != parts) node.fail_damaged("has not one size for each part");
  int64_t begin = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const bool is_last = i + 1 == sizes.size();
    if (sizes[i] < 1 || sizes[i] > extent - begin || (is_last && sizes[i] != extent - begin)) {
      node.fail_damaged(fmt::format("splits {} wrongly", to_string(x.layout.shape)));
    }
    Slice op{.begin = std::vector<int32_t>(rank, 0),
             .size = x.layout.shape,
             .stride = std::vector<int32_t>(rank, 1)};
    op.begin[axis] = static_cast<int32_t>(begin);
    op.size[axis] = static_cast<int32_t>(sizes[i]);
    begin += sizes[i];
    if (node.output(i).empty() || uses(node.output(i)) == 0) continue;
    const Computed part = slice(node, x, op, fmt::format("part_{}", i));
    graph_.tensor(part.id).name = node.output(i);
    define(node.output(i), part);
  }
}

void Importer::import_constant_of_shape(const NodeView& node) {
  const std::vector<int64_t> wanted = integer_values(constant(node, 0));
  Shape shape;
  int64_t elements = 1;
  for (const int64_t extent : wanted) {
    if (extent < 0 || extent > (1 << 20) || (elements *= extent) > (1 << 20)) {
      node.fail_damaged("makes a constant of very many elements");
    }
    shape.push_back(static_cast<int32_t>(extent));
  }
  if (shape.size() > 8) node.fail_damaged(fmt::format("makes {} axes", shape.size()));
  const auto count = static_cast<size_t>(elements);
  const auto* given = node.find("value");
  const Constant value =
      given != nullptr && given->has_t()
          ? store_.read(given->t(), node.output())
          : store_.make<float>(node.output(), ElementType::kFloat32, {1}, std::vector{0.0F});
  if (value.elements() != 1) node.fail_damaged("fills with more than one value");
  store_.reserve(count * element_bytes(value.type));
  std::vector<std::byte> data;
  for (size_t i = 0; i < count; ++i) data.insert(data.end(), value.data.begin(), value.data.end());
  define(node, store_.keep(node.output(), value.type, shape, std::move(data)));
}

/// Functions of constants alone, which only the computation of shapes and scales needs.
void Importer::import_constant_function(const NodeView& node) {
  if (!is_constant(node, 0)) {
    node.fail("is supported on constants only",
              "Rebuild that layer from supported operators (docs/operators.md lists them)");
  }
  const Constant& source = constant(node, 0);
  const std::string& type = node.type();
  if (!source.is_float() && !source.quantization) {
    if (type != "Neg") return define(node, source);
    std::vector<int64_t> values = integer_values(source);
    for (int64_t& value : values) value = value == std::numeric_limits<int64_t>::min() ? value : -value;
    return define(node, store_.make<int64_t>(source.name, ElementType::kInt64, source.shape, values));
  }
  std::vector<float> values = real_values(source);
  for (float& value : values) {
    value = type == "Ceil"         ? std::ceil(value)
            : type == "Floor"      ? std::floor(value)
            : type == "Neg"        ? -value
            : type == "Reciprocal" ? 1.0F / value
                                   : std::sqrt(value);
  }
  define(node, store_.make<float>(source.name, ElementType::kFloat32, source.shape, values));
}

}  // namespace thimble::onnx
