#include "train/apply_operator.h"

#include <fmt/format.h>

#include <limits>

#include "base/error.h"

namespace thimble::train {
namespace {

using torch::Tensor;

/// NHWC -> NCHW and back, as views: what libtorch calls channels-last.
Tensor to_nchw(const Tensor& x) { return x.permute({0, 3, 1, 2}); }
Tensor to_nhwc(const Tensor& x) { return x.permute({0, 2, 3, 1}); }

bool is_symmetric(const Padding2D& p) { return p.top == p.bottom && p.left == p.right; }

Tensor pad_image(const Tensor& x, const Padding2D& p, float value) {
  return at::constant_pad_nd(x, {0, 0, p.left, p.right, p.top, p.bottom}, value);
}

/// `weights` in libtorch's (O, C / groups, KH, KW).
template <typename Convolution>
Tensor convolve(const Convolution& o, std::span<const Tensor> inputs, const Tensor& weights, int64_t groups) {
  const Tensor bias = inputs.size() == 3 ? inputs[2] : Tensor();
  Tensor x = inputs[0];
  std::vector<int64_t> padding = {o.padding.top, o.padding.left};
  if (!is_symmetric(o.padding)) {
    x = pad_image(x, o.padding, 0);
    padding = {0, 0};
  }
  const Tensor y = at::conv2d(to_nchw(x), weights, bias, {o.stride_h, o.stride_w}, padding,
                              {o.dilation_h, o.dilation_w}, groups);
  return activate(to_nhwc(y), o.activation);
}

Tensor max_pool(const MaxPool2D& o, const Tensor& input) {
  // libtorch takes padding up to half the kernel only.
  const bool direct =
      is_symmetric(o.padding) && 2 * o.padding.top <= o.kernel_h && 2 * o.padding.left <= o.kernel_w;
  const Tensor x = direct ? input : pad_image(input, o.padding, -std::numeric_limits<float>::infinity());
  const std::vector<int64_t> padding =
      direct ? std::vector<int64_t>{o.padding.top, o.padding.left} : std::vector<int64_t>{0, 0};
  const Tensor y = at::max_pool2d(to_nchw(x), {o.kernel_h, o.kernel_w}, {o.stride_h, o.stride_w}, padding);
  return activate(to_nhwc(y), o.activation);
}

Tensor average_pool(const AveragePool2D& o, const Tensor& input) {
  const auto sum = [&](const Tensor& x) {
    return at::avg_pool2d(to_nchw(pad_image(x, o.padding, 0)), {o.kernel_h, o.kernel_w},
                          {o.stride_h, o.stride_w}, {0, 0}, /*ceil_mode=*/false, /*count_include_pad=*/true,
                          /*divisor_override=*/1);
  };
  const Tensor count = sum(at::ones({1, input.size(1), input.size(2), 1}, input.options()));
  return activate(to_nhwc(sum(input) / count), o.activation);
}

std::vector<int64_t> batched(const Shape& shape, int64_t batch) {
  std::vector<int64_t> result(shape.begin(), shape.end());
  result[0] = batch;
  return result;
}

Tensor batch_norm(const BatchNorm& o, std::span<const Tensor> inputs, bool training, double momentum) {
  const Tensor& x = inputs[0];
  // One image a sample, whatever the rank, so that libtorch takes its channels-last path.
  const Tensor images = x.reshape({x.size(0), -1, 1, x.size(-1)});
  const Tensor y = at::batch_norm(to_nchw(images), inputs[1], inputs[2], inputs[3], inputs[4], training,
                                  momentum, o.epsilon, /*cudnn_enabled=*/false);
  return to_nhwc(y).reshape(x.sizes());
}

}  // namespace

Tensor activate(const Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kRelu6:
      return at::clamp(x, 0, 6);
  }
  return x;
}

Tensor apply_operator(const Node& node, std::span<const Tensor> inputs, const Shape& output_shape,
                      bool training, double momentum) {
  const Tensor& x = inputs[0];
  const auto integer_operator = [&]() -> Tensor {
    throw Error(fmt::format("Node '{}'", node.name),
                fmt::format("{} is an integer operator", name_of(node.op)),
                "Give the float32 network from before quantization");
  };
  return std::visit(
      Overload{
          [&](const Conv2D& o) {
            return convolve(o, inputs, inputs[1].permute({0, 3, 1, 2}), o.groups);
          },
          [&](const DepthwiseConv2D& o) {
            return convolve(o, inputs, inputs[1].permute({3, 0, 1, 2}), x.size(3));
          },
          [&](const FullyConnected& o) {
            return activate(at::linear(x, inputs[1], inputs.size() == 3 ? inputs[2] : Tensor()),
                            o.activation);
          },
          [&](const Add& o) { return activate(inputs[0] + inputs[1], o.activation); },
          [&](const Mul& o) { return activate(inputs[0] * inputs[1], o.activation); },
          [&](const Sub& o) { return activate(inputs[0] - inputs[1], o.activation); },
          [&](const Maximum&) { return at::maximum(inputs[0], inputs[1]); },
          [&](const Minimum&) { return at::minimum(inputs[0], inputs[1]); },
          [&](const Sigmoid&) { return at::sigmoid(x); },
          [&](const Tanh&) { return at::tanh(x); },
          [&](const HardSwish&) { return at::hardswish(x); },
          [&](const LeakyRelu& o) { return at::leaky_relu(x, o.alpha); },
          [&](const Transpose& o) { return x.permute(std::vector<int64_t>(o.axes.begin(), o.axes.end())); },
          [&](const Slice& o) {
            Tensor part = x;  // the batch is never cut
            for (size_t axis = 1; axis < o.size.size(); ++axis) {
              const int64_t end = o.begin[axis] + int64_t{o.size[axis] - 1} * o.stride[axis] + 1;
              part = part.slice(static_cast<int64_t>(axis), o.begin[axis], end, o.stride[axis]);
            }
            return part;
          },
          [&](const ResizeNearest& o) {
            return x.repeat_interleave(o.factor_h, 1).repeat_interleave(o.factor_w, 2);
          },
          [&](const MaxPool2D& o) { return max_pool(o, x); },
          [&](const AveragePool2D& o) { return average_pool(o, x); },
          [&](const Mean& o) {
            return at::mean(x, std::vector<int64_t>(o.axes.begin(), o.axes.end()), o.keep_dims);
          },
          [&](const Softmax& o) { return at::softmax(o.beta == 1 ? x : x * o.beta, -1); },
          [&](const Reshape&) { return x.reshape(batched(output_shape, x.size(0))); },
          [&](const Concat& o) { return at::cat(at::TensorList(inputs.data(), inputs.size()), o.axis); },
          [&](const Pad& o) {
            std::vector<int64_t> innermost_first;
            for (size_t axis = o.before.size(); axis-- > 0;) {
              innermost_first.push_back(o.before[axis]);
              innermost_first.push_back(o.after[axis]);
            }
            return at::constant_pad_nd(x, innermost_first, o.value);
          },
          [&](const Quantize&) { return integer_operator(); },
          [&](const Dequantize&) { return integer_operator(); },
          [&](const BatchNorm& o) { return batch_norm(o, inputs, training, momentum); },
          [&](const Relu&) { return at::relu(x); },
          [&](const Relu6&) { return at::clamp(x, 0, 6); },
      },
      node.op);
}

}  // namespace thimble::train
