#include "graph/builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace thimble {

Padding2D same_padding(int32_t height, int32_t width, int32_t kernel_h, int32_t kernel_w, int32_t stride_h,
                       int32_t stride_w, int32_t dilation_h, int32_t dilation_w) {
  const auto total = [](int32_t extent, int32_t kernel, int32_t stride, int32_t dilation) {
    const int32_t outputs = (extent + stride - 1) / stride;
    return std::max(0, (outputs - 1) * stride + (kernel - 1) * dilation + 1 - extent);
  };
  const int32_t rows = total(height, kernel_h, stride_h, dilation_h);
  const int32_t columns = total(width, kernel_w, stride_w, dilation_w);
  return {.top = rows / 2, .bottom = rows - rows / 2, .left = columns / 2, .right = columns - columns / 2};
}

GraphBuilder::GraphBuilder(std::string graph_name, uint64_t seed) : random_(seed) {
  graph_.name = std::move(graph_name);
}

TensorId GraphBuilder::input(std::string name, Shape shape) {
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.shape = std::move(shape);
  graph_.inputs.push_back(graph_.add(std::move(tensor)));
  return graph_.inputs.back();
}

TensorId GraphBuilder::conv2d(TensorId x, int32_t filters, const ConvOptions& options) {
  const int32_t channels = graph_.tensor(x).shape.at(3);
  const std::string stem = fmt::format("conv_{}", graph_.nodes.size());
  std::vector<TensorId> inputs = {
      x, he_normal(stem + "_weights", {filters, options.kernel_h, options.kernel_w, channels},
                   static_cast<size_t>(options.kernel_h) * options.kernel_w * channels)};
  if (options.bias) inputs.push_back(constant(stem + "_bias", {filters}, std::vector<float>(filters)));
  Conv2D op{.stride_h = options.stride_h, .stride_w = options.stride_w};
  op.padding =
      padding_of(x, options.kernel_h, options.kernel_w, options.stride_h, options.stride_w, options.padding);
  return append(op, std::move(inputs), "conv");
}

TensorId GraphBuilder::depthwise_conv2d(TensorId x, const ConvOptions& options, int32_t multiplier) {
  const int32_t channels = graph_.tensor(x).shape.at(3) * multiplier;
  const std::string stem = fmt::format("depthwise_{}", graph_.nodes.size());
  std::vector<TensorId> inputs = {
      x, he_normal(stem + "_weights", {1, options.kernel_h, options.kernel_w, channels},
                   static_cast<size_t>(options.kernel_h) * options.kernel_w)};
  if (options.bias) inputs.push_back(constant(stem + "_bias", {channels}, std::vector<float>(channels)));
  DepthwiseConv2D op{.stride_h = options.stride_h, .stride_w = options.stride_w, .multiplier = multiplier};
  op.padding =
      padding_of(x, options.kernel_h, options.kernel_w, options.stride_h, options.stride_w, options.padding);
  return append(op, std::move(inputs), "depthwise");
}

TensorId GraphBuilder::fully_connected(TensorId x, int32_t units) { return dense(x, units, 2.0); }
TensorId GraphBuilder::classifier(TensorId x, int32_t classes) { return dense(x, classes, 1.0 / 3); }

TensorId GraphBuilder::dense(TensorId x, int32_t units, double gain) {
  const int32_t inputs = graph_.tensor(x).shape.at(1);
  const std::string stem = fmt::format("dense_{}", graph_.nodes.size());
  const TensorId weights = normal(stem + "_weights", {units, inputs}, gain / inputs);
  const TensorId bias = constant(stem + "_bias", {units}, std::vector<float>(units));
  return append(FullyConnected{}, {x, weights, bias}, "dense");
}

TensorId GraphBuilder::batch_norm(TensorId x) {
  const int32_t channels = graph_.tensor(x).shape.back();
  const std::string stem = fmt::format("norm_{}", graph_.nodes.size());
  const auto filled = [&](const char* part, float value) {
    return constant(stem + part, {channels}, std::vector<float>(channels, value));
  };
  const TensorId gamma = filled("_gamma", 1);
  const TensorId beta = filled("_beta", 0);
  const TensorId mean = filled("_mean", 0);
  const TensorId variance = filled("_variance", 1);
  return append(BatchNorm{}, {x, gamma, beta, mean, variance}, "norm");
}

TensorId GraphBuilder::relu(TensorId x) { return append(Relu{}, {x}, "relu"); }
TensorId GraphBuilder::relu6(TensorId x) { return append(Relu6{}, {x}, "relu6"); }
TensorId GraphBuilder::add(TensorId a, TensorId b) { return append(Add{}, {a, b}, "add"); }
TensorId GraphBuilder::softmax(TensorId x) { return append(Softmax{}, {x}, "softmax"); }

TensorId GraphBuilder::max_pool(TensorId x, int32_t kernel, int32_t stride, PaddingMode padding) {
  return max_pool(x, {kernel, kernel, stride, stride, padding});
}

TensorId GraphBuilder::max_pool(TensorId x, const PoolOptions& options) {
  MaxPool2D op{.kernel_h = options.kernel_h,
               .kernel_w = options.kernel_w,
               .stride_h = options.stride_h,
               .stride_w = options.stride_w};
  op.padding =
      padding_of(x, options.kernel_h, options.kernel_w, options.stride_h, options.stride_w, options.padding);
  return append(op, {x}, "max_pool");
}

TensorId GraphBuilder::global_max_pool(TensorId x) {
  const Shape shape = graph_.tensor(x).shape;
  return max_pool(x, {.kernel_h = shape.at(1), .kernel_w = shape.at(2), .stride_h = 1, .stride_w = 1});
}

TensorId GraphBuilder::average_pool(TensorId x, int32_t kernel, int32_t stride, PaddingMode padding) {
  AveragePool2D op{.kernel_h = kernel, .kernel_w = kernel, .stride_h = stride, .stride_w = stride};
  op.padding = padding_of(x, kernel, kernel, stride, stride, padding);
  return append(op, {x}, "average_pool");
}

TensorId GraphBuilder::global_average_pool(TensorId x) { return append(Mean{.axes = {1, 2}}, {x}, "mean"); }

TensorId GraphBuilder::flatten(TensorId x) {
  return append(Reshape{{graph_.tensor(x).shape[0], -1}}, {x}, "flatten");
}

Graph GraphBuilder::finish(std::vector<TensorId> outputs) {
  graph_.outputs = std::move(outputs);
  validate(graph_);
  return std::move(graph_);
}

TensorId GraphBuilder::append(Operator op, std::vector<TensorId> inputs, const char* stem) {
  return graph_.append(std::move(op), std::move(inputs), fmt::format("{}_{}", stem, graph_.nodes.size()));
}

TensorId GraphBuilder::constant(std::string name, Shape shape, std::vector<float> values) {
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.shape = std::move(shape);
  tensor.data = Tensor::to_bytes(std::span<const float>(values));
  return graph_.add(std::move(tensor));
}

TensorId GraphBuilder::he_normal(std::string name, Shape shape, size_t fan_in) {
  return normal(std::move(name), std::move(shape), 2.0 / static_cast<double>(fan_in));
}

TensorId GraphBuilder::normal(std::string name, Shape shape, double variance) {
  const double deviation = std::sqrt(variance);
  std::vector<float> values(element_count(shape));
  for (float& value : values) value = static_cast<float>(deviation * random_.normal());
  return constant(std::move(name), std::move(shape), std::move(values));
}

Padding2D GraphBuilder::padding_of(TensorId x, int32_t kernel_h, int32_t kernel_w, int32_t stride_h,
                                   int32_t stride_w, PaddingMode mode) const {
  if (mode == PaddingMode::kValid) return {};
  const Shape& shape = graph_.tensor(x).shape;
  return same_padding(shape.at(1), shape.at(2), kernel_h, kernel_w, stride_h, stride_w);
}

}  // namespace thimble
