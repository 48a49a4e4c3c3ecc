#include "support/random_network.h"

#include <algorithm>
#include <string>

#include "graph/builder.h"
#include "graph/reference_run.h"

namespace thimble::test {
namespace {

/// Grows a network node by node; each step appends one operator that fits the current activation.
class Grower {
 public:
  explicit Grower(Random random, bool varied = false) : random_(random), varied_(varied) {
    graph_.name = "random";
    Tensor input;
    input.name = "input";
    input.shape = {1, one_in(4) ? 1 : random_.between(3, 12), random_.between(3, 12), random_.between(1, 6)};
    x_ = graph_.add(std::move(input));
    graph_.inputs = {x_};
  }

  Graph grow() {
    const int steps = random_.between(2, 8);
    for (int i = 0; i < steps; ++i) grow_step();
    if (one_in(2)) dense_head();
    return finish();
  }

  /// Its ends are layers, so that the channels between them are the network's own affair.
  Graph grow_classifier() {
    convolution(false);
    const int steps = random_.between(2, 8);
    for (int i = 0; i < steps; ++i) one_in(4) ? block() : grow_step();
    flatten();
    dense(random_.between(2, 12));
    activation();
    dense(random_.between(1, 10));
    if (one_in(2)) x_ = graph_.append(Softmax{}, {x_}, next_name("softmax"));
    return finish();
  }

 private:
  Graph finish() {
    graph_.outputs = {x_};
    graph_ = remove_unused(graph_);
    validate(graph_);
    return std::move(graph_);
  }

  bool one_in(int32_t n) { return random_.below(static_cast<uint32_t>(n)) == 0; }
  const Shape& shape() const { return graph_.tensor(x_).shape; }
  std::string next_name(const char* stem) {
    return std::string(stem) + "_" + std::to_string(graph_.nodes.size());
  }

  TensorId constant(const std::string& name, Shape shape, float low, float high) {
    Tensor tensor;
    tensor.name = name;
    tensor.shape = std::move(shape);
    std::vector<float> values(tensor.elements());
    for (float& value : values) value = low + (high - low) * static_cast<float>(random_.uniform());
    tensor.data = Tensor::to_bytes(std::span<const float>(values));
    return graph_.add(std::move(tensor));
  }

  Padding2D padding(int32_t kernel_h, int32_t kernel_w, int32_t stride_h, int32_t stride_w,
                    int32_t dilation_h, int32_t dilation_w) {
    const bool fits = (kernel_h - 1) * dilation_h < shape()[1] && (kernel_w - 1) * dilation_w < shape()[2];
    if (fits && one_in(3)) return {};
    return same_padding(shape()[1], shape()[2], kernel_h, kernel_w, stride_h, stride_w, dilation_h,
                        dilation_w);
  }

  void convolution(bool depthwise) {
    const int32_t channels = shape()[3];
    const int32_t kernel_h = shape()[1] == 1 ? 1 : random_.between(1, 3);
    const int32_t kernel_w = random_.between(1, 3);
    const int32_t stride = one_in(3) ? 2 : 1;
    const int32_t dilation = stride == 1 && one_in(4) ? 2 : 1;
    const Padding2D pad = padding(kernel_h, kernel_w, stride, stride, dilation, dilation);
    const std::string name = next_name(depthwise ? "depthwise" : "conv");
    const int32_t groups = !depthwise && channels % 2 == 0 && one_in(4) ? 2 : 1;
    const int32_t multiplier = depthwise && one_in(4) ? 2 : 1;
    const int32_t filters = depthwise ? channels * multiplier : groups * random_.between(1, 12 / groups);
    const Shape weights = depthwise ? Shape{1, kernel_h, kernel_w, filters}
                                    : Shape{filters, kernel_h, kernel_w, channels / groups};
    std::vector<TensorId> inputs = {x_, constant(name + "_weights", weights, -0.5F, 0.5F)};
    if (one_in(2)) inputs.push_back(constant(name + "_bias", {filters}, -0.3F, 0.3F));
    if (depthwise) {
      DepthwiseConv2D op{
          .stride_h = stride, .stride_w = stride, .dilation_h = dilation, .dilation_w = dilation};
      op.multiplier = multiplier;
      op.padding = pad;
      x_ = graph_.append(op, inputs, name);
    } else {
      Conv2D op{.stride_h = stride, .stride_w = stride, .dilation_h = dilation, .dilation_w = dilation};
      op.groups = groups;
      op.padding = pad;
      x_ = graph_.append(op, inputs, name);
    }
    if (one_in(2)) batch_norm();
    if (one_in(2)) activation();
  }

  void batch_norm() {
    const std::string name = next_name("norm");
    const Shape channels = {shape().back()};
    const TensorId gamma = constant(name + "_gamma", channels, 0.5F, 1.5F);
    const TensorId beta = constant(name + "_beta", channels, -0.5F, 0.5F);
    const TensorId mean = constant(name + "_mean", channels, -0.5F, 0.5F);
    const TensorId variance = constant(name + "_variance", channels, 0.25F, 2.0F);
    x_ = graph_.append(BatchNorm{}, {x_, gamma, beta, mean, variance}, name);
  }

  void activation() {
    if (varied_ && !one_in(3)) return elementwise();
    x_ = one_in(2) ? graph_.append(Relu{}, {x_}, next_name("relu"))
                   : graph_.append(Relu6{}, {x_}, next_name("relu6"));
  }

  /// Two branches from one activation, joined by a sum or along the channels.
  void branch() {
    const TensorId before = x_;
    const int32_t channels = shape()[3];
    const std::string name = next_name("branch");
    const TensorId weights = constant(name + "_weights", {channels, 1, 1, channels}, -0.5F, 0.5F);
    const TensorId other = graph_.append(Conv2D{}, {before, weights}, name);
    if (one_in(2)) {
      x_ = graph_.append(Concat{3}, {before, other}, next_name("concat"));
    } else {
      x_ = graph_.append(Add{}, {other, before}, next_name("add"));
      if (one_in(2)) activation();
    }
  }

  void pool() {
    const int32_t kernel_h = std::min(shape()[1], random_.between(1, 3));
    const int32_t kernel_w = std::min(shape()[2], random_.between(1, 3));
    const int32_t stride = random_.between(1, 2);
    const Padding2D pad = padding(kernel_h, kernel_w, stride, stride, 1, 1);
    if (one_in(2)) {
      x_ = graph_.append(MaxPool2D{kernel_h, kernel_w, stride, stride, pad}, {x_}, next_name("max_pool"));
    } else {
      x_ = graph_.append(AveragePool2D{kernel_h, kernel_w, stride, stride, pad}, {x_},
                         next_name("average_pool"));
    }
  }

  void pad() {
    const int32_t rows = shape()[1] == 1 ? 0 : random_.between(0, 2);
    x_ = graph_.append(Pad{{0, rows, random_.between(0, 2), 0}, {0, rows, random_.between(0, 1), 0}}, {x_},
                       next_name("pad"));
  }

  void scale() {
    const std::string name = next_name("mul");
    x_ = graph_.append(Mul{}, {x_, constant(name + "_factor", {shape().back()}, -1.0F, 1.0F)}, name);
  }

  void elementwise() {
    const std::string name = next_name("function");
    const Operator functions[] = {Sigmoid{}, Tanh{}, HardSwish{}, HardSwish{}, LeakyRelu{0.125F}};
    x_ = graph_.append(functions[random_.below(5)], {x_}, name);
  }

  /// Rows and columns in another order, cut, or repeated.
  void rearrange() {
    switch (random_.below(3)) {
      case 0:
        x_ = graph_.append(Transpose{{0, 2, 1, 3}}, {x_}, next_name("transpose"));
        return;
      case 1: {
        Slice op{.begin = {0, 0, 0, 0}, .size = shape(), .stride = {1, 1, 1, 1}};
        for (size_t axis = 1; axis < 4; ++axis) {
          op.stride[axis] = shape()[axis] > 4 && one_in(3) ? 2 : 1;
          op.begin[axis] = random_.between(0, shape()[axis] / 3);
          op.size[axis] = (shape()[axis] - op.begin[axis] - 1) / op.stride[axis] + 1;
        }
        x_ = graph_.append(op, {x_}, next_name("slice"));
        return;
      }
      default:
        if (element_count(shape()) > 600) return;
        x_ = graph_.append(ResizeNearest{random_.between(1, 2), random_.between(1, 3)}, {x_},
                           next_name("resize"));
    }
  }

  /// Two branches, joined by their difference, the larger or the smaller.
  void compare() {
    const TensorId before = x_;
    const int32_t channels = shape()[3];
    const std::string name = next_name("other");
    const TensorId weights = constant(name + "_weights", {channels, 1, 1, channels}, -0.5F, 0.5F);
    const TensorId other = graph_.append(Conv2D{}, {before, weights}, name);
    const Operator joins[] = {Sub{}, Maximum{}, Minimum{}};
    x_ = graph_.append(joins[random_.below(3)], {before, other}, next_name("join"));
  }

  void grow_step() {
    if (varied_ && one_in(3)) {
      const uint32_t kind = random_.below(3);
      if (kind == 0) return elementwise();
      if (kind == 1) return rearrange();
      return compare();
    }
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2:
        return convolution(false);
      case 3:
        return convolution(true);
      case 4:
        return branch();
      case 5:
        return pool();
      case 6:
        return pad();
      default:
        return scale();
    }
  }

  /// A residual block of two convolutions, or one whose channels are weighed by what they hold on average
  /// (Hu et al., "Squeeze-and-excitation networks", CVPR 2018).
  void block() {
    const TensorId before = x_;
    const int32_t channels = shape()[3];
    const int32_t inner = random_.between(1, 12);
    const bool weighs = one_in(2);
    if (weighs) x_ = graph_.append(Mean{.axes = {1, 2}, .keep_dims = true}, {x_}, next_name("squeeze"));
    for (const int32_t filters : {inner, channels}) {
      const std::string name = next_name("block");
      const TensorId weights = constant(name + "_weights", {filters, 1, 1, shape()[3]}, -0.5F, 0.5F);
      x_ = graph_.append(Conv2D{}, {x_, weights}, name);
      if (filters == inner || one_in(2)) batch_norm();
      if (filters == inner) x_ = graph_.append(Relu{}, {x_}, next_name("relu"));
    }
    if (weighs) x_ = graph_.append(Sigmoid{}, {x_}, next_name("gate"));
    x_ = weighs ? graph_.append(Mul{}, {before, x_}, next_name("weigh"))
                : graph_.append(Add{}, {before, x_}, next_name("sum"));
  }

  void flatten() {
    if (one_in(2)) {
      x_ = graph_.append(Mean{.axes = {1, 2}}, {x_}, next_name("mean"));
    } else {
      x_ = graph_.append(Reshape{{1, -1}}, {x_}, next_name("flatten"));
    }
  }

  void dense(int32_t units) {
    const std::string name = next_name("dense");
    const TensorId weights = constant(name + "_weights", {units, shape()[1]}, -0.5F, 0.5F);
    x_ = graph_.append(FullyConnected{}, {x_, weights}, name);
  }

  void dense_head() {
    flatten();
    dense(random_.between(1, 10));
    if (one_in(2)) x_ = graph_.append(Softmax{}, {x_}, next_name("softmax"));
  }

  Random random_;
  bool varied_;
  Graph graph_;
  TensorId x_ = kNoTensor;
};

}  // namespace

Graph random_network(Random random) { return Grower(random).grow(); }

Graph random_varied_network(Random random) { return Grower(random, true).grow(); }

Graph random_classifier(Random random) { return Grower(random, true).grow_classifier(); }

std::vector<float> random_input(const Graph& graph, Random random, float low, float high) {
  std::vector<float> values(graph.tensor(graph.inputs.at(0)).elements());
  for (float& value : values) value = low + (high - low) * static_cast<float>(random.uniform());
  return values;
}

std::vector<float> run_float32(const Graph& graph, std::span<const float> input) {
  ReferenceRun run(graph);
  const std::span<const std::byte> inputs[] = {std::as_bytes(input)};
  run.run(inputs);
  const auto bytes = run.bytes(graph.outputs.at(0));
  const std::span<const float> values(reinterpret_cast<const float*>(bytes.data()),
                                      bytes.size() / sizeof(float));
  return {values.begin(), values.end()};
}

}  // namespace thimble::test
