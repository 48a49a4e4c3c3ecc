#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "graph/graph.h"

namespace thimble {
namespace {

/// Shape inference of one node: knows its name for the errors, and its inputs.
class Inference {
 public:
  Inference(std::string_view node, const Operator& op, std::span<const Shape> inputs)
      : node_(node), operator_(name_of(op)), inputs_(inputs) {
    for (const Shape& shape : inputs_) check_extents(shape);
  }

  Shape operator()(const Conv2D& o) const {
    expect_inputs(2, 3);
    const Shape& x = rank(0, 4);
    const Shape& w = rank(1, 4);
    if (o.groups < 1 || x[3] % o.groups != 0 || w[0] % o.groups != 0 || w[3] != x[3] / o.groups) {
      fail(fmt::format("weights {} with {} groups do not fit {} input channels", to_string(w), o.groups,
                       x[3]));
    }
    expect_bias(w[0]);
    return {x[0], window(x[1], w[1], o.stride_h, o.dilation_h, o.padding.top, o.padding.bottom),
            window(x[2], w[2], o.stride_w, o.dilation_w, o.padding.left, o.padding.right), w[0]};
  }

  Shape operator()(const DepthwiseConv2D& o) const {
    expect_inputs(2, 3);
    const Shape& x = rank(0, 4);
    const Shape& w = rank(1, 4);
    if (o.multiplier < 1 || w[0] != 1 || w[3] != int64_t{x[3]} * o.multiplier) {
      fail(fmt::format("weights {} with multiplier {} do not fit {} input channels", to_string(w),
                       o.multiplier, x[3]));
    }
    expect_bias(w[3]);
    return {x[0], window(x[1], w[1], o.stride_h, o.dilation_h, o.padding.top, o.padding.bottom),
            window(x[2], w[2], o.stride_w, o.dilation_w, o.padding.left, o.padding.right), w[3]};
  }

  Shape operator()(const FullyConnected&) const {
    expect_inputs(2, 3);
    const Shape& x = rank(0, 2);
    const Shape& w = rank(1, 2);
    if (w[1] != x[1]) fail(fmt::format("weights {} do not fit {} inputs", to_string(w), x[1]));
    expect_bias(w[0]);
    return {x[0], w[0]};
  }

  Shape operator()(const Add&) const { return broadcast(); }
  Shape operator()(const Sub&) const { return broadcast(); }
  Shape operator()(const Mul&) const { return broadcast(); }
  Shape operator()(const Maximum&) const { return broadcast(); }
  Shape operator()(const Minimum&) const { return broadcast(); }
  Shape operator()(const MaxPool2D& o) const { return pool(o); }
  Shape operator()(const AveragePool2D& o) const { return pool(o); }

  Shape operator()(const Mean& o) const {
    expect_inputs(1, 1);
    const Shape& x = inputs_[0];
    const auto rank = static_cast<int32_t>(x.size());
    for (size_t i = 0; i < o.axes.size(); ++i) {
      if (o.axes[i] < 1 || o.axes[i] >= rank || (i > 0 && o.axes[i] != o.axes[i - 1] + 1)) {
        fail(fmt::format("axes {} are not neighbouring axes of {} beside the batch", fmt::join(o.axes, ", "),
                         to_string(x)));
      }
    }
    if (o.axes.empty()) fail("no axis to take the mean over");
    Shape result;
    for (int32_t axis = 0; axis < rank; ++axis) {
      const bool reduced = axis >= o.axes.front() && axis <= o.axes.back();
      if (!reduced) result.push_back(x[axis]);
      if (reduced && o.keep_dims) result.push_back(1);
    }
    return result;
  }

  Shape operator()(const Softmax&) const { return same(); }
  Shape operator()(const Sigmoid&) const { return same(); }
  Shape operator()(const Tanh&) const { return same(); }
  Shape operator()(const HardSwish&) const { return same(); }
  Shape operator()(const LeakyRelu&) const { return same(); }
  Shape operator()(const Quantize&) const { return same(); }
  Shape operator()(const Dequantize&) const { return same(); }
  Shape operator()(const Relu&) const { return same(); }
  Shape operator()(const Relu6&) const { return same(); }

  Shape operator()(const Reshape& o) const {
    expect_inputs(1, 1);
    const auto elements = static_cast<int64_t>(element_count(inputs_[0]));
    Shape result = o.shape;
    const auto open = std::count(result.begin(), result.end(), -1);
    int64_t known = 1;
    for (const int32_t extent : result) {
      if (extent != -1) known *= extent;
      if (known < 1 || known > elements)
        fail(fmt::format("{} elements do not fit {}", elements, to_string(o.shape)));
    }
    if (open > 1 || elements % known != 0 || (open == 0 && known != elements)) {
      fail(fmt::format("{} elements do not fit {}", elements, to_string(o.shape)));
    }
    for (int32_t& extent : result) {
      if (extent == -1) extent = static_cast<int32_t>(elements / known);
    }
    return result;
  }

  Shape operator()(const Transpose& o) const {
    expect_inputs(1, 1);
    const Shape& x = inputs_[0];
    std::vector<bool> seen(x.size(), false);
    Shape result;
    for (const int32_t axis : o.axes) {
      if (axis < 0 || axis >= static_cast<int32_t>(x.size()) || seen[axis]) break;
      seen[axis] = true;
      result.push_back(x[axis]);
    }
    if (result.size() != x.size() || o.axes.size() != x.size()) {
      fail(fmt::format("the order {} does not name each axis of {} once", fmt::join(o.axes, ", "),
                       to_string(x)));
    }
    return result;
  }

  Shape operator()(const Slice& o) const {
    expect_inputs(1, 1);
    const Shape& x = inputs_[0];
    if (o.begin.size() != x.size() || o.size.size() != x.size() || o.stride.size() != x.size()) {
      fail(fmt::format("needs a begin, size and stride for each of the {} axes", x.size()));
    }
    for (size_t axis = 0; axis < x.size(); ++axis) {
      const int64_t last = o.begin[axis] + int64_t{o.size[axis] - 1} * o.stride[axis];
      if (o.begin[axis] < 0 || o.size[axis] < 1 || o.stride[axis] < 1 || last >= x[axis]) {
        fail(fmt::format("{} elements from {} on, {} apart, do not lie in axis {} of {}", o.size[axis],
                         o.begin[axis], o.stride[axis], axis, to_string(x)));
      }
    }
    return o.size;
  }

  Shape operator()(const ResizeNearest& o) const {
    expect_inputs(1, 1);
    const Shape& x = rank(0, 4);
    if (o.factor_h < 1 || o.factor_w < 1) fail("a factor is below 1");
    return {x[0], narrow(int64_t{x[1]} * o.factor_h), narrow(int64_t{x[2]} * o.factor_w), x[3]};
  }

  Shape operator()(const Concat& o) const {
    expect_inputs(1, std::numeric_limits<size_t>::max());
    Shape result = inputs_[0];
    if (o.axis < 0 || o.axis >= static_cast<int32_t>(result.size())) {
      fail(fmt::format("{} has no axis {}", to_string(result), o.axis));
    }
    int64_t total = 0;
    for (const Shape& shape : inputs_) {
      Shape aligned = shape;
      if (aligned.size() == result.size()) aligned[o.axis] = result[o.axis];
      if (aligned != result) {
        fail(fmt::format("{} and {} differ beside axis {}", to_string(inputs_[0]), to_string(shape), o.axis));
      }
      total += shape[o.axis];
    }
    result[o.axis] = narrow(total);
    return result;
  }

  Shape operator()(const Pad& o) const {
    expect_inputs(1, 1);
    Shape result = inputs_[0];
    if (o.before.size() != result.size() || o.after.size() != result.size()) {
      fail(fmt::format("needs one padding for each of the {} axes", result.size()));
    }
    for (size_t axis = 0; axis < result.size(); ++axis) {
      if (o.before[axis] < 0 || o.after[axis] < 0) fail("a padding is negative");
      result[axis] = narrow(int64_t{result[axis]} + o.before[axis] + o.after[axis]);
    }
    return result;
  }

  Shape operator()(const BatchNorm&) const {
    expect_inputs(5, 5);
    for (size_t i = 1; i < 5; ++i) {
      if (inputs_[i] != Shape{inputs_[0].back()}) {
        fail(fmt::format("parameter {} does not fit {} channels", to_string(inputs_[i]), inputs_[0].back()));
      }
    }
    return inputs_[0];
  }

  void check_extents(const Shape& shape) const {
    int64_t elements = 1;
    for (const int32_t extent : shape) {
      if (extent < 1) fail(fmt::format("the shape {} has an extent below 1", to_string(shape)));
      elements *= extent;
      if (elements > std::numeric_limits<int32_t>::max())
        fail(fmt::format("the shape {} is too large", to_string(shape)));
    }
    if (shape.empty()) fail("a tensor has no axes");
  }

 private:
  [[noreturn]] void fail(std::string_view reason) const {
    throw Error(fmt::format("{} '{}'", operator_, node_), reason,
                "Check the model: its shapes contradict each other");
  }

  void expect_inputs(size_t least, size_t most) const {
    if (inputs_.size() < least || inputs_.size() > most) {
      fail(fmt::format("has {} inputs, needs {}", inputs_.size(),
                       least == most ? fmt::format("{}", least) : fmt::format("{} or more", least)));
    }
  }

  const Shape& rank(size_t input, size_t wanted) const {
    if (inputs_[input].size() != wanted) {
      fail(fmt::format("input {} has shape {}, needs {} axes", input, to_string(inputs_[input]), wanted));
    }
    return inputs_[input];
  }

  void expect_bias(int32_t channels) const {
    if (inputs_.size() == 3 && inputs_[2] != Shape{channels}) {
      fail(fmt::format("bias {} does not fit {} output channels", to_string(inputs_[2]), channels));
    }
  }

  int32_t narrow(int64_t extent) const {
    if (extent > std::numeric_limits<int32_t>::max()) fail("the result is too large");
    return static_cast<int32_t>(extent);
  }

  /// The output extent of a sliding window.
  int32_t window(int64_t extent, int64_t kernel, int32_t stride, int32_t dilation, int32_t before,
                 int32_t after) const {
    if (stride < 1 || dilation < 1 || kernel < 1 || before < 0 || after < 0) {
      fail("a stride, dilation or kernel extent is below 1, or a padding is negative");
    }
    const int64_t reach = (kernel - 1) * dilation + 1;
    const int64_t padded = extent + before + after;
    if (reach > padded)
      fail(fmt::format("the kernel reaches over {} rows, the padded input has {}", reach, padded));
    return narrow((padded - reach) / stride + 1);
  }

  template <typename Pool>
  Shape pool(const Pool& o) const {
    expect_inputs(1, 1);
    const Shape& x = rank(0, 4);
    if (o.padding.top >= o.kernel_h || o.padding.bottom >= o.kernel_h || o.padding.left >= o.kernel_w ||
        o.padding.right >= o.kernel_w) {
      fail("a window lies in the padding alone");
    }
    return {x[0], window(x[1], o.kernel_h, o.stride_h, 1, o.padding.top, o.padding.bottom),
            window(x[2], o.kernel_w, o.stride_w, 1, o.padding.left, o.padding.right), x[3]};
  }

  Shape same() const {
    expect_inputs(1, 1);
    return inputs_[0];
  }

  Shape broadcast() const {
    expect_inputs(2, 2);
    const Shape& longer = inputs_[0].size() >= inputs_[1].size() ? inputs_[0] : inputs_[1];
    const Shape& shorter = inputs_[0].size() >= inputs_[1].size() ? inputs_[1] : inputs_[0];
    Shape result = longer;
    const size_t lead = longer.size() - shorter.size();
    for (size_t i = 0; i < shorter.size(); ++i) {
      int32_t& extent = result[lead + i];
      if (extent != shorter[i] && extent != 1 && shorter[i] != 1) {
        fail(fmt::format("{} and {} do not broadcast", to_string(inputs_[0]), to_string(inputs_[1])));
      }
      extent = std::max(extent, shorter[i]);
    }
    return result;
  }

  std::string_view node_;
  std::string_view operator_;
  std::span<const Shape> inputs_;
};

}  // namespace

Shape infer_shape(const Operator& op, std::span<const Shape> inputs, std::string_view node_name) {
  const Inference inference(node_name, op, inputs);
  Shape result = std::visit(inference, op);
  inference.check_extents(result);
  return result;
}

}  // namespace thimble
