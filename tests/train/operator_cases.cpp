#include "train/operator_cases.h"

#include <fmt/format.h>

#include <utility>

namespace thimble::test {
namespace {

Tensor tensor(std::string name, Shape shape) {
  Tensor result;
  result.name = std::move(name);
  result.shape = std::move(shape);
  return result;
}

/// A graph of one operator; inputs of the shapes in `activations`, constants of random values in `constants`.
OperatorCase single(std::string name, Operator op, const std::vector<Shape>& activations,
                    const std::vector<Shape>& constants = {}) {
  Graph graph;
  graph.name = name;
  Random random(name.size());
  std::vector<TensorId> operands;
  for (const Shape& shape : activations) {
    operands.push_back(graph.add(tensor(fmt::format("x{}", operands.size()), shape)));
  }
  graph.inputs = operands;
  for (const Shape& shape : constants) {
    std::vector<float> values(element_count(shape));
    for (float& value : values) value = static_cast<float>(random.normal() * 0.5);
    Tensor constant = tensor(fmt::format("c{}", operands.size()), shape);
    constant.data = Tensor::to_bytes(std::span<const float>(values));
    operands.push_back(graph.add(std::move(constant)));
  }
  graph.outputs = {graph.append(std::move(op), operands, "node")};
  return {std::move(name), std::move(graph)};
}

}  // namespace

std::vector<OperatorCase> operator_cases() {
  const Padding2D around{1, 1, 1, 1};
  const Padding2D after{0, 1, 0, 1};
  const Padding2D uneven{1, 0, 2, 1};
  return {
      single("conv", Conv2D{.padding = around}, {{1, 5, 4, 2}}, {{3, 3, 3, 2}, {3}}),
      single("conv of one channel", Conv2D{.padding = around}, {{1, 5, 4, 1}}, {{3, 3, 3, 1}}),
      single("conv, strided, padded after", Conv2D{.stride_h = 2, .stride_w = 2, .padding = after},
             {{1, 6, 4, 2}}, {{3, 3, 3, 2}}),
      single("conv, grouped, dilated, padded unevenly",
             Conv2D{.dilation_h = 2, .dilation_w = 1, .groups = 2, .padding = uneven}, {{1, 6, 4, 4}},
             {{6, 3, 2, 2}, {6}}),
      single("depthwise", DepthwiseConv2D{.padding = around}, {{1, 4, 5, 3}}, {{1, 3, 3, 3}, {3}}),
      single("depthwise, multiplied, strided",
             DepthwiseConv2D{.stride_h = 2, .stride_w = 1, .multiplier = 2, .padding = after}, {{1, 4, 5, 3}},
             {{1, 3, 3, 6}, {6}}),
      single("dense", FullyConnected{}, {{1, 5}}, {{4, 5}, {4}}),
      single("dense without bias", FullyConnected{}, {{1, 5}}, {{4, 5}}),
      single("sum", Add{}, {{1, 3, 2, 2}, {1, 3, 2, 2}}),
      single("sum with a constant a channel", Add{}, {{1, 3, 2, 4}}, {{4}}),
      single("sum with an activation a channel", Add{}, {{1, 3, 2, 4}, {1, 4}}),
      single("product", Mul{}, {{1, 3, 2, 2}, {1, 3, 2, 2}}),
      single("product with one a pixel", Mul{}, {{1, 3, 2, 2}, {1, 3, 2, 1}}),
      single("product with a lower rank first", Mul{}, {{1, 4}, {1, 3, 2, 4}}),
      single("difference", Sub{}, {{1, 3, 2, 2}, {1, 3, 2, 2}}),
      single("difference with a lower rank", Sub{}, {{1, 3, 2, 4}, {1, 4}}),
      single("difference with a lower rank first", Sub{}, {{1, 4}, {1, 3, 2, 4}}),
      single("larger than an activation a channel", Maximum{}, {{1, 3, 2, 4}, {1, 4}}),
      single("smaller than one of a lower rank first", Minimum{}, {{1, 4}, {1, 3, 2, 4}}),
      single("larger than a constant", Maximum{}, {{1, 3, 2, 2}}, {{2}}),
      single("smaller than a constant", Minimum{}, {{1, 3, 2, 2}}, {{2}}),
      single("sigmoid", Sigmoid{}, {{1, 3, 2, 2}}),
      single("tanh", Tanh{}, {{1, 3, 2, 2}}),
      single("hard swish", HardSwish{}, {{1, 3, 9, 6}}),
      single("leaky relu", LeakyRelu{0.2F}, {{1, 3, 2, 2}}),
      single("transpose", Transpose{{0, 3, 1, 2}}, {{1, 3, 2, 4}}),
      single("slice", Slice{{0, 1, 0, 1}, {1, 2, 2, 1}, {1, 1, 2, 1}}, {{1, 3, 4, 2}}),
      single("resize", ResizeNearest{2, 3}, {{1, 3, 2, 2}}),
      single("pad with a value", Pad{.before = {0, 1, 0, 0}, .after = {0, 0, 2, 0}, .value = 0.5F},
             {{1, 3, 2, 2}}),
      single("max pool", MaxPool2D{}, {{1, 4, 6, 2}}),
      single("max pool, padded", MaxPool2D{.kernel_h = 3, .kernel_w = 3, .padding = around}, {{1, 5, 6, 2}}),
      single("max pool, padded after", MaxPool2D{.kernel_h = 3, .kernel_w = 3, .padding = after},
             {{1, 4, 6, 2}}),
      single("average pool", AveragePool2D{}, {{1, 4, 6, 2}}),
      single("average pool, padded",
             AveragePool2D{.kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 2, .padding = around},
             {{1, 4, 5, 2}}),
      single("average pool, padded after", AveragePool2D{.kernel_h = 3, .kernel_w = 3, .padding = after},
             {{1, 4, 4, 2}}),
      single("mean over the image", Mean{.axes = {1, 2}}, {{1, 3, 4, 2}}),
      single("mean over the image, axes kept", Mean{.axes = {1, 2}, .keep_dims = true}, {{1, 3, 4, 2}}),
      single("mean over channels", Mean{.axes = {3}}, {{1, 3, 4, 2}}),
      single("softmax", Softmax{}, {{1, 5}}),
      single("softmax of an image, scaled", Softmax{.beta = 0.5F}, {{1, 2, 3, 4}}),
      single("reshape", Reshape{.shape = {1, -1}}, {{1, 3, 2, 2}}),
      single("concatenation", Concat{.axis = 3}, {{1, 3, 2, 2}, {1, 3, 2, 3}}),
      single("pad", Pad{.before = {0, 1, 0, 2}, .after = {0, 0, 2, 1}}, {{1, 3, 2, 2}}),
      single("relu", Relu{}, {{1, 3, 2, 2}}),
      single("relu6", Relu6{}, {{1, 3, 9, 6}}),
  };
}

std::vector<float> spread_values(size_t count, Random random) {
  std::vector<float> values(count);
  const auto middle = static_cast<int64_t>(count / 2);
  for (size_t i = 0; i < count; ++i) {
    values[i] = 0.1F * static_cast<float>(static_cast<int64_t>(i) - middle) + 0.05F;
  }
  random.shuffle(std::span(values));
  return values;
}

}  // namespace thimble::test
