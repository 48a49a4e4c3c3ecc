#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "formats/onnx/importer.h"

namespace thimble::onnx {
namespace {

/// Two numbers (rows, columns) of one: a 1-D signal has one row.
std::vector<int32_t> rows_and_columns(std::vector<int32_t> values, int32_t of_rows) {
  if (values.size() == 1) values.insert(values.begin(), of_rows);
  return values;
}

/// Whether a whole factor repeats each element, by the coordinates and the rounding that ONNX names: output
/// i = q * factor + r takes element q for every r < factor. From half pixels r lies within half an element of
/// q; asymmetrically, r / factor behind it.
bool repeats(std::string_view coordinates, std::string_view nearest_mode, int32_t factor) {
  if (factor == 1) return true;
  if (coordinates == "tf_half_pixel_for_nn") return nearest_mode == "floor";  // half a pixel behind
  const bool rounds = nearest_mode == "round_prefer_floor" || nearest_mode == "round_prefer_ceil";
  if (coordinates != "asymmetric") return rounds;
  return nearest_mode == "floor" || (nearest_mode == "round_prefer_floor" && factor == 2);
}

}  // namespace

/// A sliding window's attributes, for the graph's images.
struct Importer::Window {
  int32_t stride_h, stride_w;
  Padding2D padding;
};

Importer::Window Importer::window(const NodeView& node, const Computed& image,
                                  const std::vector<int32_t>& kernel,
                                  const std::vector<int32_t>& dilations) const {
  const size_t dimensions = image.layout.shape.size() - 2;
  const auto strides = rows_and_columns(node.extents("strides", dimensions, 1, 1), 1);
  std::vector<int32_t> pads = node.extents("pads", 2 * dimensions, 0, 0);
  if (dimensions == 1) pads = {0, pads[0], 0, pads[1]};
  Window result{
      strides[0], strides[1], {.top = pads[0], .bottom = pads[2], .left = pads[1], .right = pads[3]}};

  const std::string mode = node.text("auto_pad", "NOTSET");
  if (mode == "VALID") result.padding = {};
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    const Shape& shape = graph_.tensor(image.id).shape;
    const auto total = [&](size_t axis) {
      const int64_t stride = strides[axis];
      const int64_t extent = shape[axis + 1];
      const int64_t outputs = (extent + stride - 1) / stride;
      const int64_t reach = int64_t{kernel[axis] - 1} * dilations[axis] + 1;
      return static_cast<int32_t>(std::max<int64_t>(0, (outputs - 1) * stride + reach - extent));
    };
    const int32_t rows = total(0);
    const int32_t columns = total(1);
    result.padding = {
        .top = rows / 2, .bottom = rows - rows / 2, .left = columns / 2, .right = columns - columns / 2};
    if (mode == "SAME_LOWER") {
      std::swap(result.padding.top, result.padding.bottom);
      std::swap(result.padding.left, result.padding.right);
    }
  } else if (mode != "VALID" && mode != "NOTSET") {
    node.fail_damaged(fmt::format("has auto_pad '{}'", mode));
  }
  return result;
}

void Importer::import_conv(const NodeView& node) {
  const Computed x = image(node, 0);
  Constant weights = constant(node, 1);
  const size_t rank = x.layout.shape.size();
  if (weights.shape.size() != rank) {
    node.fail_damaged(fmt::format("has weights {} for an input of {} axes", to_string(weights.shape), rank));
  }
  if (rank == 3) weights.shape.insert(weights.shape.begin() + 2, 1);
  const std::vector<int32_t> kernel = {weights.shape[2], weights.shape[3]};
  const auto dilations = rows_and_columns(node.extents("dilations", rank - 2, 1, 1), 1);
  const Window view = window(node, x, kernel, dilations);
  const int32_t outputs = weights.shape[0];
  const int32_t channels = graph_.tensor(x.id).shape[3];
  const int64_t groups = node.integer("group", 1);
  if (groups < 1 || channels % groups != 0 || outputs < 1 || outputs % groups != 0 ||
      int64_t{weights.shape[1]} * groups != channels) {
    node.fail_damaged(fmt::format("has weights {} in {} groups for {} channels", to_string(weights.shape),
                                  groups, channels));
  }

  bool depthwise = groups > 1 && groups == channels;
  if (groups == channels && node.doc() == DepthwiseConv2D::kName) depthwise = true;
  if (node.doc() == Conv2D::kName) depthwise = false;
  const Axes axes = depthwise ? kDepthwiseFromOihw : kNhwcFromNchw;
  std::vector<TensorId> inputs = {x.id, place(node, weights, axes, permuted(weights.shape, axes))};
  if (node.has_input(2)) inputs.push_back(bias(node, constant(node, 2), outputs));

  Operator op;
  if (depthwise) {
    op = DepthwiseConv2D{.stride_h = view.stride_h,
                         .stride_w = view.stride_w,
                         .dilation_h = dilations[0],
                         .dilation_w = dilations[1],
                         .multiplier = outputs / channels,
                         .padding = view.padding};
  } else {
    op = Conv2D{.stride_h = view.stride_h,
                .stride_w = view.stride_w,
                .dilation_h = dilations[0],
                .dilation_w = dilations[1],
                .groups = static_cast<int32_t>(groups),
                .padding = view.padding};
  }
  define(node, result(emit(node, op, inputs), x.layout.axes));
}

/// The pooling, and its padding without what ceil_mode added for windows at the end.
template <typename Pool>
std::pair<Pool, Padding2D> Importer::pool(const NodeView& node, const Computed& image) const {
  const size_t dimensions = image.layout.shape.size() - 2;
  if (!node.has("kernel_shape")) node.fail_damaged("has no kernel_shape");
  const auto kernel = rows_and_columns(node.extents("kernel_shape", dimensions, 1, 1), 1);
  for (const int32_t dilation : node.extents("dilations", dimensions, 1, 1)) {
    if (dilation != 1) node.fail("pools with gaps (dilations)", "Pool without dilations");
  }
  const Window view = window(node, image, kernel, {1, 1});
  Pool op{.kernel_h = kernel[0],
          .kernel_w = kernel[1],
          .stride_h = view.stride_h,
          .stride_w = view.stride_w,
          .padding = view.padding};
  if (node.integer("ceil_mode", 0) == 0) return {op, op.padding};

  const Shape& shape = graph_.tensor(image.id).shape;
  // Windows that would begin in the padding behind the image are not added (PyTorch's rule, and ONNX's from
  // set 19 on).
  const auto missing = [](int32_t extent, int32_t kernel_extent, int32_t stride, int32_t before,
                          int32_t after) {
    const int64_t padded = int64_t{extent} + before + after;
    if (padded < kernel_extent) return int32_t{0};
    int64_t windows = (padded - kernel_extent + stride - 1) / stride + 1;
    if ((windows - 1) * stride >= int64_t{extent} + before) --windows;
    return static_cast<int32_t>(std::max<int64_t>(0, (windows - 1) * stride + kernel_extent - padded));
  };
  const int32_t rows = missing(shape[1], op.kernel_h, op.stride_h, op.padding.top, op.padding.bottom);
  const int32_t columns = missing(shape[2], op.kernel_w, op.stride_w, op.padding.left, op.padding.right);
  const Padding2D given = op.padding;
  op.padding.bottom += rows;
  op.padding.right += columns;
  return {op, given};
}

void Importer::import_max_pool(const NodeView& node) {
  const Computed x = image(node, 0);
  define(node, result(emit(node, pool<MaxPool2D>(node, x).first, {x.id}), x.layout.axes));
}

void Importer::import_average_pool(const NodeView& node) {
  const Computed x = image(node, 0);
  auto [op, padding] = pool<AveragePool2D>(node, x);
  TensorId input = x.id;
  if (node.integer("count_include_pad", 0) != 0 && padding != Padding2D{}) {
    // What ceil_mode adds behind the padding never counts, and stays the pooling's own.
    const Padding2D& p = padding;
    input =
        emit(node, Pad{.before = {0, p.top, p.left, 0}, .after = {0, p.bottom, p.right, 0}}, {input}, "pad");
    op.padding = {
        .top = 0, .bottom = op.padding.bottom - p.bottom, .left = 0, .right = op.padding.right - p.right};
  }
  define(node, result(emit(node, op, {input}), x.layout.axes));
}

void Importer::import_global_average_pool(const NodeView& node) {
  const Computed x = image(node, 0);
  define(node, result(emit(node, Mean{.axes = {1, 2}, .keep_dims = true}, {x.id}), x.layout.axes));
}

void Importer::import_global_max_pool(const NodeView& node) {
  const Computed x = image(node, 0);
  const Shape shape = graph_.tensor(x.id).shape;
  const MaxPool2D op{.kernel_h = shape[1], .kernel_w = shape[2], .stride_h = shape[1], .stride_w = shape[2]};
  define(node, result(emit(node, op, {x.id}), x.layout.axes));
}

/// Over rows and columns, which is a pooling.
void Importer::import_reduce_max(const NodeView& node) {
  const Computed found = unflattened(node, 0);
  const size_t rank = found.layout.shape.size();
  std::set<size_t> axes;
  for (const int64_t axis : axes_of(node, 1)) axes.insert(node.axis(axis, rank));
  if (!(rank == 4 && axes == std::set<size_t>{2, 3}) && !(rank == 3 && axes == std::set<size_t>{2})) {
    node.fail("takes the maximum over other axes than rows and columns",
              "Take it over the rows and columns of an image");
  }
  const Computed x = image(node, 0);
  const Shape shape = graph_.tensor(x.id).shape;
  const MaxPool2D op{.kernel_h = shape[1], .kernel_w = shape[2], .stride_h = shape[1], .stride_w = shape[2]};
  const bool keeps = node.integer("keepdims", 1) != 0;
  const Computed y = result(emit(node, op, {x.id}, keeps ? "" : "maximum"), x.layout.axes);
  if (keeps) return define(node, y);
  reshape_to(node, y, {shape[0], shape[3]});
}

/// Resize and Upsample by whole factors, which repeat elements.
void Importer::import_resize(const NodeView& node) {
  const Computed x = image(node, 0);
  const size_t rank = x.layout.shape.size();
  const std::string mode = node.text("mode", "nearest");
  if (mode != "nearest") {
    node.fail(fmt::format("resizes in mode '{}'", mode), "Use nearest neighbours by a whole factor");
  }
  const std::string coordinates = node.text("coordinate_transformation_mode", "half_pixel");
  if (coordinates == "align_corners" || coordinates == "tf_crop_and_resize") {
    node.fail(fmt::format("resizes with {}", coordinates), "Use nearest neighbours by a whole factor");
  }
  // Upsample has the scales first, Resize (from operator set 11) behind the region of interest.
  const bool has_roi = node.type() == "Resize" && opset_ >= 11;
  const size_t scales_input = has_roi ? 2 : 1;
  std::vector<double> factors;
  if (node.has_input(scales_input) && constant(node, scales_input).elements() > 0) {
    for (const float scale : real_values(constant(node, scales_input))) factors.push_back(scale);
  } else if (has_roi && node.has_input(3)) {
    const std::vector<int64_t> sizes = integer_values(constant(node, 3));
    for (size_t i = 0; i < std::min(sizes.size(), rank); ++i) {
      factors.push_back(static_cast<double>(sizes[i]) / x.layout.shape[i]);
    }
  } else if (const auto* scales = node.find("scales"); scales != nullptr) {
    factors.assign(scales->floats().begin(), scales->floats().end());
  }
  if (factors.size() != rank)
    node.fail_damaged(fmt::format("has {} scales for {} axes", factors.size(), rank));
  for (const double factor : factors) {
    if (!(factor >= 1 && factor <= 4096) || factor != std::floor(factor)) {
      node.fail(fmt::format("resizes by a factor of {}", factor), "Use nearest neighbours by a whole factor");
    }
  }
  if (factors[0] != 1 || factors[1] != 1)
    node.fail("resizes the batch or the channels", "Resize images only");
  const ResizeNearest op{.factor_h = rank == 4 ? static_cast<int32_t>(factors[2]) : 1,
                         .factor_w = static_cast<int32_t>(factors[rank - 1])};
  // Before operator set 11 it rounded down.
  const std::string nearest_mode = node.text("nearest_mode", "round_prefer_floor");
  for (const int32_t factor : {op.factor_h, op.factor_w}) {
    if (has_roi && !repeats(coordinates, nearest_mode, factor)) {
      node.fail(fmt::format("resizes by {} with {} and {}, which does not repeat elements", factor,
                            coordinates, nearest_mode),
                "Resize with asymmetric coordinates and floor, or half_pixel and round_prefer_floor");
    }
  }
  define(node, result(emit(node, op, {x.id}), x.layout.axes));
}

void Importer::import_batch_norm(const NodeView& node) {
  const Computed x = unflattened(node, 0);
  const size_t rank = x.layout.shape.size();
  if (node.integer("training_mode", 0) != 0) {
    node.fail("is in training mode", "Export the model for inference: model.eval() in PyTorch");
  }
  if (node.integer("spatial", 1) != 1) node.fail("has spatial = 0", "Normalize over channels");
  if (rank < 2) node.fail_damaged(fmt::format("reads a tensor of {} axes", rank));
  if (rank > 4) node.fail(fmt::format("normalizes a tensor of {} axes", rank), "Use images or vectors");
  const bool in_place = x.layout.axes[1] == static_cast<int32_t>(rank_of(x.id)) - 1;
  std::optional<Computed> input = x;
  if (!in_place && rank == 2) input = plain(node, x);
  if (!in_place && rank != 2) {
    input = relaid(node, x, {x.layout.shape, rank == 4 ? kNchwFromNhwc : Axes{0, 3, 2}}, 4);
    if (!input) input = channels_last(node, x);
  }
  std::vector<TensorId> inputs = {input->id};
  for (size_t i = 1; i < 5; ++i) {
    Constant parameter = constant(node, i);
    if (parameter.elements() != static_cast<size_t>(x.layout.shape[1])) {
      node.fail_damaged(
          fmt::format("has {} parameters for {} channels", parameter.elements(), x.layout.shape[1]));
    }
    parameter.shape = {x.layout.shape[1]};
    inputs.push_back(place_own(node, parameter, {0}, parameter.shape));
  }
  const TensorId id = emit(node, BatchNorm{.epsilon = node.real("epsilon", 1e-5F)}, inputs);
  define(node, result(id, input->layout.axes));
}

}  // namespace thimble::onnx
