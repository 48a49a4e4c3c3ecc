#include "graph/kernel_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>
#include <cmath>

#include "base/error.h"
#include "graph/lookup_table.h"

namespace thimble {
namespace {

struct IntegerRange {
  int32_t low;
  int32_t high;
};

struct FixedPoint {
  int32_t multiplier;
  int32_t shift;
};

/// One axis of a tensor walk.
struct BroadcastAxis {
  int32_t extent;
  int32_t stride_a;
  int32_t stride_b;
};

/// Kernel calls of one node: knows its tensors, and its name for the errors.
class Caller {
 public:
  Caller(const Graph& graph, const Node& node) : graph_(graph), node_(node) {
    if (integer()) {
      if (input(0).type != DataType::kFloat32) check_activation(input(0));
      check_activation(output());
    }
  }

  KernelCall operator()(const Conv2D& o) const {
    const Shape& x = one_sample(input(0));
    const Shape& w = weights(0).shape;
    const Shape& y = output().shape;
    thimble_conv2d_parameters p{};
    p.input_h = x[1], p.input_w = x[2], p.input_c = x[3];
    p.output_h = y[1], p.output_w = y[2], p.output_c = y[3];
    p.kernel_h = w[1], p.kernel_w = w[2];
    p.groups = o.groups;
    set_window(p, o);
    p.dilation_h = o.dilation_h, p.dilation_w = o.dilation_w;
    set_output(p, o.activation);
    return weighted(p, y[3], true);
  }

  KernelCall operator()(const DepthwiseConv2D& o) const {
    const Shape& x = one_sample(input(0));
    const Shape& w = weights(3).shape;
    const Shape& y = output().shape;
    thimble_depthwise_conv2d_parameters p{};
    p.input_h = x[1], p.input_w = x[2], p.input_c = x[3];
    p.output_h = y[1], p.output_w = y[2];
    p.multiplier = o.multiplier;
    p.kernel_h = w[1], p.kernel_w = w[2];
    set_window(p, o);
    p.dilation_h = o.dilation_h, p.dilation_w = o.dilation_w;
    set_output(p, o.activation);
    return weighted(p, y[3], true);
  }

  KernelCall operator()(const FullyConnected& o) const {
    const Shape& x = input(0).shape;
    weights(0);
    thimble_fully_connected_parameters p{};
    p.rows = x[0];
    p.input_n = x[1];
    p.output_n = output().shape[1];
    set_output(p, o.activation);
    return weighted(p, p.output_n, false);
  }

  KernelCall operator()(const Add& o) const { return sum(o); }
  KernelCall operator()(const Sub& o) const { return sum(o); }

  template <typename Sum>
  KernelCall sum(const Sum& o) const {
    thimble_add_parameters p{};
    p.shape = broadcast();
    set_output(p, o.activation);
    if (integer()) {
      // Both operands come to half the larger scale, with more bits, before they are added.
      const double scale_a = scale(input(0));
      const double scale_b = scale(input(1));
      const double common = 2 * std::max(scale_a, scale_b);
      p.left_shift = is_int16() ? 15 : 20;
      p.offset_a = -zero_point(input(0));
      p.offset_b = -zero_point(input(1));
      store(fixed_point(scale_a / common), &p.multiplier_a, &p.shift_a);
      store(fixed_point(scale_b / common), &p.multiplier_b, &p.shift_b);
      store(fixed_point(common / ((1 << p.left_shift) * scale(output()))), &p.multiplier_output,
            &p.shift_output);
    }
    return {p, {}, {}, {}};
  }

  KernelCall operator()(const Mul& o) const {
    thimble_mul_parameters p{};
    p.shape = broadcast();
    set_output(p, o.activation);
    if (integer()) {
      p.offset_a = -zero_point(input(0));
      p.offset_b = -zero_point(input(1));
      store(fixed_point(scale(input(0)) * scale(input(1)) / scale(output())), &p.multiplier_output,
            &p.shift_output);
    }
    return {p, {}, {}, {}};
  }

  KernelCall operator()(const Maximum&) const { return select(); }
  KernelCall operator()(const Minimum&) const { return select(); }

  KernelCall select() const {
    check_same_scale();
    return {thimble_select_parameters{broadcast()}, {}, {}, {}};
  }

  KernelCall operator()(const MaxPool2D& o) const { return pool(o); }
  KernelCall operator()(const AveragePool2D& o) const { return pool(o); }

  KernelCall operator()(const Mean& o) const {
    const Shape& x = input(0).shape;
    thimble_mean_parameters p{};
    p.outer = product(x, 0, static_cast<size_t>(o.axes.front()));
    p.reduced = product(x, static_cast<size_t>(o.axes.front()), static_cast<size_t>(o.axes.back()) + 1);
    p.inner = product(x, static_cast<size_t>(o.axes.back()) + 1, x.size());
    if (integer()) {
      check_sum(p.reduced);
      p.same_quantization =
          scale(input(0)) == scale(output()) && zero_point(input(0)) == zero_point(output()) ? 1 : 0;
      p.input_offset = -zero_point(input(0));
      p.output_offset = zero_point(output());
      // The division goes into the multiplier, whose upper bits it takes are won back by a shift.
      const FixedPoint factor = fixed_point(scale(input(0)) / scale(output()));
      const int32_t won = std::min(static_cast<int32_t>(std::bit_width(static_cast<uint32_t>(p.reduced))) - 1,
                                   31 + factor.shift);
      p.multiplier = static_cast<int32_t>((int64_t{factor.multiplier} << won) / p.reduced);
      p.shift = factor.shift - won;
    }
    return {p, {}, {}, {}};
  }

  KernelCall operator()(const Softmax& o) const {
    const Shape& x = input(0).shape;
    thimble_softmax_parameters p{};
    p.depth = x.back();
    p.rows = product(x, 0, x.size() - 1);
    p.beta = o.beta;
    if (integer()) {
      check_fixed_scale();
      if (is_int16()) return interpolated_softmax(p);
      // The sum of exponentials of at most 2^19 each has 32 bits.
      constexpr int32_t kMostClasses = (1 << 13) - 1;
      if (p.depth > kMostClasses)
        fail(fmt::format("has {} classes, more than the {} whose sum it can hold", p.depth, kMostClasses),
             kNoKernel);
      constexpr int kIntegerBits = 5;  // of the exponent: Q5.26
      const double factor = std::min(double{o.beta} * scale(input(0)) * (1 << (31 - kIntegerBits)),
                                     static_cast<double>((int64_t{1} << 31) - 1));
      if (!(factor > 1)) fail("the scale of its input is too small", kQuantizeAgain);
      store(fixed_point(factor), &p.input_multiplier, &p.input_left_shift);
      p.diff_min = -static_cast<int32_t>(
          std::floor(((1 << kIntegerBits) - 1) * std::ldexp(1.0, 31 - kIntegerBits - p.input_left_shift)));
    }
    return {p, {}, {}, {}};
  }

  KernelCall operator()(const Reshape&) const {
    check_same_scale();
    return {thimble_copy_parameters{elements()}, {}, {}, {}};
  }

  KernelCall operator()(const Transpose& o) const {
    const std::vector<int32_t> steps = strides_of(input(0).shape);
    std::vector<WalkAxis> axes;
    for (size_t i = 0; i < o.axes.size(); ++i) {
      axes.push_back({output().shape[i], steps[static_cast<size_t>(o.axes[i])]});
    }
    return walk(axes, 0);
  }

  KernelCall operator()(const Slice& o) const {
    const std::vector<int32_t> steps = strides_of(input(0).shape);
    std::vector<WalkAxis> axes;
    int32_t start = 0;
    for (size_t i = 0; i < o.size.size(); ++i) {
      axes.push_back({o.size[i], steps[i] * o.stride[i]});
      start += steps[i] * o.begin[i];
    }
    return walk(axes, start);
  }

  KernelCall operator()(const ResizeNearest& o) const {
    const Shape& x = one_sample(input(0));
    return walk({{x[1], x[2] * x[3]}, {o.factor_h, 0}, {x[2], x[3]}, {o.factor_w, 0}, {x[3], 1}}, 0);
  }

  KernelCall operator()(const Sigmoid& o) const {
    return is_int16() ? interpolated_sigmoid(0) : elementwise(o);
  }
  KernelCall operator()(const Tanh& o) const { return is_int16() ? interpolated_sigmoid(1) : elementwise(o); }
  KernelCall operator()(const HardSwish& o) const { return elementwise(o); }
  KernelCall operator()(const LeakyRelu& o) const {
    if (!integer()) return {thimble_leaky_relu_parameters{elements(), o.alpha}, {}, {}, {}};
    return elementwise(o);
  }

  KernelCall operator()(const Concat& o) const {
    check_same_scale();
    const auto axis = static_cast<size_t>(o.axis);
    const Shape& y = output().shape;
    std::vector<thimble_concat_piece> pieces;
    int32_t start = 0;
    for (size_t i = 0; i < node_.inputs.size(); ++i) {
      thimble_concat_piece piece{};
      piece.rows = product(y, 0, axis);
      piece.input_run = product(input(i).shape, axis, y.size());
      piece.output_run = product(y, axis, y.size());
      piece.output_start = start;
      start += piece.input_run;
      pieces.push_back(piece);
    }
    return {std::move(pieces), {}, {}, {}};
  }

  KernelCall operator()(const Pad& o) const {
    check_same_scale();
    struct Axis {
      int32_t extent, before, after;
    };
    std::vector<Axis> axes;
    for (size_t i = 0; i < input(0).shape.size(); ++i) {
      const Axis axis{input(0).shape[i], o.before[i], o.after[i]};
      if (axis.before == 0 && axis.after == 0 && !axes.empty()) {
        Axis& last = axes.back();  // an axis without padding is part of the one before it
        last = {last.extent * axis.extent, last.before * axis.extent, last.after * axis.extent};
      } else if (axis.extent != 1 || axis.before != 0 || axis.after != 0) {
        axes.push_back(axis);
      }
    }
    thimble_pad_parameters p{};
    if (axes.size() > std::size(p.input)) fail("pads more than four axes", kNoKernel);
    std::fill_n(p.input, std::size(p.input), 1);
    for (size_t i = 0; i < axes.size(); ++i) {
      const size_t place = std::size(p.input) - axes.size() + i;
      p.input[place] = axes[i].extent;
      p.before[place] = axes[i].before;
      p.after[place] = axes[i].after;
    }
    p.float_value = o.value;
    if (integer()) {
      const double value = std::round(o.value / scale(output())) + zero_point(output());
      const IntegerRange range = limits(output().type);
      p.value = static_cast<int32_t>(std::clamp<double>(value, range.low, range.high));
    }
    return {p, {}, {}, {}};
  }

  KernelCall operator()(const Quantize&) const {
    if (input(0).type != DataType::kFloat32) return requantize(limits(output().type));
    return {
        thimble_quantize_parameters{elements(), static_cast<float>(scale(output())), zero_point(output())},
        {},
        {},
        {}};
  }

  KernelCall operator()(const Dequantize&) const {
    check_activation(input(0));
    return {
        thimble_dequantize_parameters{elements(), static_cast<float>(scale(input(0))), zero_point(input(0))},
        {},
        {},
        {}};
  }

  KernelCall operator()(const BatchNorm& o) const {
    thimble_batch_norm_parameters p{};
    p.channels = input(0).shape.back();
    p.rows = elements() / p.channels;
    p.epsilon = o.epsilon;
    return {p, {}, {}, {}};
  }

  KernelCall operator()(const Relu&) const { return relu(Activation::kRelu); }
  KernelCall operator()(const Relu6&) const { return relu(Activation::kRelu6); }

 private:
  static constexpr std::string_view kQuantizeAgain =
      "Quantize the model again, or correct the scales in its file";
  static constexpr std::string_view kNoKernel = "Rewrite this part of the model with other operators";

  [[noreturn]] void fail(std::string_view reason, std::string_view remedy) const {
    throw Error(fmt::format("{} '{}'", name_of(node_.op), node_.name), reason, remedy);
  }

  const Tensor& input(size_t i) const { return graph_.tensor(node_.inputs.at(i)); }
  const Tensor& output() const { return graph_.tensor(node_.outputs.at(0)); }
  bool integer() const { return output().type != DataType::kFloat32; }
  bool is_int16() const { return output().type == DataType::kInt16; }
  int32_t elements() const { return static_cast<int32_t>(output().elements()); }

  static double scale(const Tensor& tensor) { return tensor.quantization->scales[0]; }
  static int32_t zero_point(const Tensor& tensor) { return tensor.quantization->zero_points[0]; }

  static int32_t product(const Shape& shape, size_t begin, size_t end) {
    int32_t result = 1;
    for (size_t i = begin; i < end; ++i) result *= shape[i];
    return result;
  }

  static void store(FixedPoint value, int32_t* multiplier, int32_t* shift) {
    *multiplier = value.multiplier;
    *shift = value.shift;
  }

  FixedPoint fixed_point(double real) const {
    FixedPoint result{};
    quantize_multiplier(real, &result.multiplier, &result.shift);
    if (result.shift > 31) fail("its scales are too far apart for 32-bit arithmetic", kQuantizeAgain);
    return result;
  }

  void check_activation(const Tensor& tensor) const {
    if (!tensor.quantization || tensor.quantization->per_channel()) {
      fail(fmt::format("'{}' needs one scale for the whole tensor", tensor.name), kQuantizeAgain);
    }
  }

  static IntegerRange limits(DataType type) {
    if (type == DataType::kUint8) return {0, 255};
    if (type == DataType::kInt16) return {INT16_MIN, INT16_MAX};
    return {INT8_MIN, INT8_MAX};
  }

  /// A sum of so many elements must fit 32 bits.
  void check_sum(int64_t count) const {
    const IntegerRange range = limits(input(0).type);
    if (count <= INT32_MAX / (range.high - range.low)) return;
    fail("the sum over so many elements overflows 32 bits", "Reduce in two steps");
  }

  /// Sums of int16 layers have 48 bits (thimble_requantize_wide).
  void check_wide_sum(int32_t channels) const {
    constexpr int64_t kMostProducts = int64_t{1} << 24;  // of less than 2^22 each
    constexpr int64_t kMostBias = int64_t{1} << 46;
    bool fits = static_cast<int64_t>(input(1).elements()) / channels < kMostProducts;
    if (node_.inputs.size() > 2) {
      fits = fits && input(2).is_constant();
      if (fits) {
        for (const int64_t bias : input(2).values<int64_t>())
          fits = fits && -kMostBias < bias && bias < kMostBias;
      }
    }
    if (!fits) fail("its biases or sums leave the 48 bits of int16 layers", kQuantizeAgain);
  }

  void check_fixed_scale() const {
    const Quantization fixed = *fixed_quantization(node_.op, output().type);
    const Quantization& given = *output().quantization;
    if (fixed.scales == given.scales && fixed.zero_points == given.zero_points) return;
    fail(fmt::format("its output needs scale 1/{:.0f} and zero point {}", 1 / fixed.scales[0],
                     fixed.zero_points[0]),
         kQuantizeAgain);
  }

  /// Kernels that only move or choose integers cannot change their scale; TensorFlow Lite tolerates 1e-6.
  void check_same_scale() const {
    if (!integer()) return;
    for (size_t i = 0; i < node_.inputs.size(); ++i) {
      check_activation(input(i));
      if (std::abs(scale(input(i)) - scale(output())) > 1e-6 ||
          zero_point(input(i)) != zero_point(output())) {
        fail(fmt::format("'{}' and '{}' have different scales", input(i).name, output().name),
             kQuantizeAgain);
      }
    }
  }

  const Shape& one_sample(const Tensor& tensor) const {
    if (tensor.shape[0] != 1) {
      fail(fmt::format("'{}' has shape {}, a batch of more than one sample", tensor.name,
                       to_string(tensor.shape)),
           "Give the model a batch size of 1");
    }
    return tensor.shape;
  }

  /// The weights, which may have a scale for each index along `axis`, or one.
  const Tensor& weights(int32_t axis) const {
    const Tensor& w = input(1);
    if (!integer()) return w;
    // Kernels read weights of 4 bits unpacked: int8_values.
    if (w.type != DataType::kInt8 && w.type != DataType::kInt4) {
      fail(fmt::format("no kernel computes it with weights of type {}", name_of(w.type)), kNoKernel);
    }
    const Quantization& q = *w.quantization;
    if (q.per_channel() && q.axis != axis) {
      fail(fmt::format("the weights '{}' have scales along axis {}, not along the output channels", w.name,
                       q.axis),
           kQuantizeAgain);
    }
    if (std::any_of(q.zero_points.begin(), q.zero_points.end(), [](int32_t z) { return z != 0; })) {
      fail(fmt::format("the weights '{}' have a zero point other than 0", w.name), kQuantizeAgain);
    }
    return w;
  }

  /// The integers that an activation function lets through at the output's scale (TensorFlow Lite's
  /// CalculateActivationRangeQuantized).
  IntegerRange integer_range(Activation activation) const {
    const float scale = output().quantization->scales[0];
    const IntegerRange range = limits(output().type);
    const auto quantized = [&](float real) {
      const float rounded = std::round(real / scale);
      return zero_point(output()) + static_cast<int32_t>(std::min(rounded, 65536.0F));  // saturates below
    };
    switch (activation) {
      case Activation::kNone:
        break;
      case Activation::kRelu:
        return {std::max(range.low, quantized(0)), range.high};
      case Activation::kRelu6:
        return {std::max(range.low, quantized(0)), std::min(range.high, quantized(6))};
    }
    return range;
  }

  template <typename Parameters>
  static void set_float_range(Parameters& p, Activation activation) {
    p.float_min = activation == Activation::kNone ? -FLT_MAX : 0;
    p.float_max = activation == Activation::kRelu6 ? 6 : FLT_MAX;
  }

  /// The clamp of a float or integer output and, where the kernel takes them, the offsets.
  template <typename Parameters>
  void set_output(Parameters& p, Activation activation) const {
    set_float_range(p, activation);
    if (!integer()) return;
    const IntegerRange range = integer_range(activation);
    p.output_min = range.low;
    p.output_max = range.high;
    if constexpr (requires { p.output_offset; }) p.output_offset = zero_point(output());
    if constexpr (requires { p.input_offset; }) p.input_offset = -zero_point(input(0));
  }

  template <typename Parameters, typename Window>
  static void set_window(Parameters& p, const Window& o) {
    p.stride_h = o.stride_h, p.stride_w = o.stride_w;
    p.pad_top = o.padding.top, p.pad_left = o.padding.left;
  }

  /// A call with a multiplier for each output channel. TensorFlow Lite multiplies the scales of input and
  /// weights as double, but as float where a dense layer has one weight scale; to the last bit we do as it
  /// does.
  template <typename Parameters>
  KernelCall weighted(const Parameters& p, int32_t channels, bool always_double) const {
    KernelCall call{p, {}, {}, {}};
    if (!integer()) return call;
    const std::vector<float>& scales = input(1).quantization->scales;
    const float input_scale = input(0).quantization->scales[0];
    constexpr int32_t kMostShiftOfInt16 = 7;
    if (is_int16()) check_wide_sum(channels);
    for (int32_t channel = 0; channel < channels; ++channel) {
      const float weight_scale = scales[scales.size() == 1 ? 0 : static_cast<size_t>(channel)];
      const double product = always_double || scales.size() > 1 ? double{input_scale} * weight_scale
                                                                : double{input_scale * weight_scale};
      const FixedPoint factor = fixed_point(product / scale(output()));
      if (is_int16() && factor.shift > kMostShiftOfInt16) {
        fail("its scales are too far apart for the arithmetic of int16 layers", kQuantizeAgain);
      }
      call.multipliers.push_back(factor.multiplier);
      call.shifts.push_back(factor.shift);
    }
    return call;
  }

  /// Shapes a and b as at most four axes: neighbours that both operands walk alike are one axis.
  thimble_broadcast broadcast() const {
    if (integer()) check_activation(input(1));
    const Shape& y = output().shape;
    const auto strides = [&](const Shape& shape) {
      std::vector<int32_t> result(y.size(), 0);
      int32_t stride = 1;
      for (size_t i = shape.size(); i-- > 0;) {
        if (shape[i] != 1) result[y.size() - shape.size() + i] = stride;
        stride *= shape[i];
      }
      return result;
    };
    const std::vector<int32_t> strides_a = strides(input(0).shape);
    const std::vector<int32_t> strides_b = strides(input(1).shape);
    std::vector<BroadcastAxis> axes;
    for (size_t i = 0; i < y.size(); ++i) {
      if (y[i] == 1) continue;
      const BroadcastAxis axis{y[i], strides_a[i], strides_b[i]};
      if (!axes.empty() && axes.back().stride_a == axis.stride_a * axis.extent &&
          axes.back().stride_b == axis.stride_b * axis.extent) {
        axes.back() = {axes.back().extent * axis.extent, axis.stride_a, axis.stride_b};
      } else {
        axes.push_back(axis);
      }
    }
    thimble_broadcast result{};
    constexpr size_t kAxes = std::size(decltype(result.extent){});
    if (axes.size() > kAxes) fail("broadcasts over more than four axes", kNoKernel);
    std::fill_n(result.extent, kAxes, 1);
    for (size_t i = 0; i < axes.size(); ++i) {
      const size_t place = kAxes - axes.size() + i;
      result.extent[place] = axes[i].extent;
      result.stride_a[place] = axes[i].stride_a;
      result.stride_b[place] = axes[i].stride_b;
    }
    return result;
  }

  template <typename Pool>
  KernelCall pool(const Pool& o) const {
    check_same_scale();
    const Shape& x = one_sample(input(0));
    const Shape& y = output().shape;
    thimble_pool2d_parameters p{};
    p.input_h = x[1], p.input_w = x[2], p.channels = x[3];
    p.output_h = y[1], p.output_w = y[2];
    p.kernel_h = o.kernel_h, p.kernel_w = o.kernel_w;
    if (std::is_same_v<Pool, AveragePool2D> && integer()) {
      check_sum(std::min(int64_t{o.kernel_h}, int64_t{x[1]}) * std::min(o.kernel_w, x[2]));
    }
    set_window(p, o);
    set_output(p, o.activation);
    return {p, {}, {}, {}};
  }

  /// Steps in elements along each axis of a row-major tensor.
  static std::vector<int32_t> strides_of(const Shape& shape) {
    std::vector<int32_t> result(shape.size());
    int32_t step = 1;
    for (size_t i = shape.size(); i-- > 0;) {
      result[i] = step;
      step *= shape[i];
    }
    return result;
  }

  struct WalkAxis {
    int32_t extent;
    int32_t stride;
  };

  /// A walk over the input; neighbours that are walked alike become one axis.
  KernelCall walk(const std::vector<WalkAxis>& axes, int32_t start) const {
    check_same_scale();
    std::vector<WalkAxis> merged;
    for (const WalkAxis& axis : axes) {
      if (axis.extent == 1) continue;
      if (!merged.empty() && merged.back().stride == axis.stride * axis.extent) {
        merged.back() = {merged.back().extent * axis.extent, axis.stride};
      } else {
        merged.push_back(axis);
      }
    }
    thimble_strided_copy_parameters p{};
    p.start = start;
    constexpr size_t kAxes = std::size(decltype(p.extent){});
    if (merged.size() > kAxes) fail("moves elements along more than six axes", kNoKernel);
    std::fill_n(p.extent, kAxes, 1);
    for (size_t i = 0; i < merged.size(); ++i) {
      const size_t place = kAxes - merged.size() + i;
      p.extent[place] = merged[i].extent;
      p.stride[place] = merged[i].stride;
    }
    return {p, {}, {}, {}};
  }

  KernelCall elementwise(const Operator& op) const {
    KernelCall call{thimble_elementwise_parameters{elements()}, {}, {}, {}};
    if (!integer()) return call;
    const auto table = lookup_table(op, *input(0).quantization, *output().quantization, node_.name);
    call.table.assign(table.begin(), table.end());
    return call;
  }

  /// Sigmoid, and Tanh as sigmoid of twice the input: at most so many `left_shifts` bring the input of a
  /// scale that is (within a thousandth) a power of two to 4096ths, as TensorFlow Lite has it; any other
  /// scale comes to 12288ths by a multiplier of 15 bits.
  KernelCall interpolated_sigmoid(int32_t left_shifts) const {
    check_fixed_scale();
    thimble_sigmoid_parameters p{.elements = elements(), .multiplier = 0, .right_shift = 0};
    const float log2_scale = std::log(static_cast<float>(scale(input(0)))) * (1.0F / std::log(2.0F));
    const auto shift = static_cast<int32_t>(std::round(log2_scale)) + 12;
    if (std::abs(log2_scale - std::round(log2_scale)) < 1e-3F && shift >= 0 && shift <= left_shifts) {
      p.multiplier = 3 << shift;
    } else {
      double factor = scale(input(0)) * 12288;
      if (factor >= 65536) fail("the scale of its input is too large", kQuantizeAgain);
      for (; factor <= 32767.0 / 2 && p.right_shift <= 30; factor *= 2) ++p.right_shift;
      p.multiplier = static_cast<int32_t>(factor);
    }
    return {p, {}, {}, {}, interpolation_table(node_.op)};
  }

  KernelCall interpolated_softmax(thimble_softmax_parameters p) const {
    // The distances [-65535, 0] below the largest become [-10, 0].
    store(fixed_point(scale(input(0)) * double{p.beta} / (10.0 / 65535)), &p.input_multiplier,
          &p.input_left_shift);
    if (p.input_left_shift > 14) fail("the scale of its input is too large", kQuantizeAgain);
    if (p.depth > INT16_MAX) fail("has too many classes for its sum", kNoKernel);
    return {p, {}, {}, {}, interpolation_table(node_.op)};
  }

  KernelCall requantize(IntegerRange range) const {
    thimble_requantize_parameters p{};
    p.elements = elements();
    p.input_offset = -zero_point(input(0));
    p.output_offset = zero_point(output());
    store(fixed_point(scale(input(0)) / scale(output())), &p.multiplier, &p.shift);
    p.output_min = range.low;
    p.output_max = range.high;
    return {p, {}, {}, {}};
  }

  KernelCall relu(Activation activation) const {
    if (integer()) return requantize(integer_range(activation));
    thimble_relu_parameters p{};
    p.elements = elements();
    set_float_range(p, activation);
    return {p, {}, {}, {}};
  }

  const Graph& graph_;
  const Node& node_;
};

std::string_view stem(const Operator& op, DataType input, DataType output) {
  const bool integer_input = input != DataType::kFloat32;
  const bool integer_output = output != DataType::kFloat32;
  const bool has_table = integer_output && output != DataType::kInt16;
  return std::visit(Overload{[](const Conv2D&) { return "conv2d"; },
                             [](const DepthwiseConv2D&) { return "depthwise_conv2d"; },
                             [](const FullyConnected&) { return "fully_connected"; },
                             [](const Add&) { return "add"; },
                             [](const Sub&) { return "sub"; },
                             [](const Maximum&) { return "maximum"; },
                             [](const Minimum&) { return "minimum"; },
                             [&](const Sigmoid&) { return has_table ? "lookup" : "sigmoid"; },
                             [&](const Tanh&) { return has_table ? "lookup" : "tanh"; },
                             [&](const HardSwish&) { return integer_output ? "lookup" : "hard_swish"; },
                             [&](const LeakyRelu&) { return integer_output ? "lookup" : "leaky_relu"; },
                             [](const Transpose&) { return "strided_copy"; },
                             [](const Slice&) { return "strided_copy"; },
                             [](const ResizeNearest&) { return "strided_copy"; },
                             [](const Mul&) { return "mul"; },
                             [](const MaxPool2D&) { return "max_pool2d"; },
                             [](const AveragePool2D&) { return "average_pool2d"; },
                             [](const Mean&) { return "mean"; },
                             [](const Softmax&) { return "softmax"; },
                             [](const Reshape&) { return "copy"; },
                             [](const Concat&) { return "concat"; },
                             [](const Pad&) { return "pad"; },
                             [&](const Quantize&) {
                               if (!integer_input) return "quantize";
                               if (input == DataType::kUint8) return "requantize_from_u8";
                               if (output == DataType::kUint8) return "requantize_to_u8";
                               if (input == output) return "requantize";
                               return input == DataType::kInt8 ? "requantize_from_s8" : "requantize_to_s8";
                             },
                             [](const Dequantize&) { return "dequantize"; },
                             [](const BatchNorm&) { return "batch_norm"; },
                             [&](const Relu&) { return integer_output ? "requantize" : "relu"; },
                             [&](const Relu6&) { return integer_output ? "requantize" : "relu"; }},
                    op);
}

}  // namespace

KernelCall kernel_call(const Graph& graph, const Node& node) {
  return std::visit(Caller(graph, node), node.op);
}

KernelName generic_kernel(const Graph& graph, const Node& node) {
  const DataType input = graph.tensor(node.inputs.at(0)).type;
  const DataType output = graph.tensor(node.outputs.at(0)).type;
  const std::string_view operation = stem(node.op, input, output);
  const bool is_int16 = input == DataType::kInt16 || output == DataType::kInt16;
  const bool is_float = input == DataType::kFloat32 && output == DataType::kFloat32;
  const std::string_view type = is_int16 ? "s16" : is_float ? "f32" : "s8";
  return {fmt::format("thimble_{}_generic_{}", operation, type),
          fmt::format("generic/{}_{}.h", operation, type)};
}

void quantize_multiplier(double real, int32_t* multiplier, int32_t* shift) {
  int exponent = 0;
  int64_t fixed = std::llround(std::frexp(real, &exponent) * static_cast<double>(int64_t{1} << 31));
  if (fixed == int64_t{1} << 31) {
    fixed /= 2;
    ++exponent;
  }
  if (exponent < -31) {  // smaller than the last bit of any result
    fixed = 0;
    exponent = 0;
  }
  *multiplier = static_cast<int32_t>(fixed);
  *shift = exponent;
}

}  // namespace thimble
