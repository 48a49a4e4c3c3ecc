#include "deploy/operator_cases.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "graph/builder.h"
#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"
#include "graph/lookup_table.h"
#include "graph/quantize_from_ranges.h"
#include "graph/reference_run.h"
#include "support/int16_options.h"
#include "support/random_network.h"

namespace thimble::test {
namespace {

template <size_t... kIndex>
Operator default_operator(size_t index, std::index_sequence<kIndex...>) {
  const std::array<Operator, sizeof...(kIndex)> all = {Operator(std::in_place_index<kIndex>)...};
  return all.at(index);
}

Operator default_operator(size_t index) {
  return default_operator(index, std::make_index_sequence<kOperators>());
}

/// Writes one case; a new operator does not compile until it is listed here.
class CaseWriter {
 public:
  CaseWriter(Graph& graph, DataType type, int32_t size, Random random)
      : graph_(graph), type_(type), size_(size), random_(random) {}

  void operator()(Conv2D op) {
    const int32_t groups = one_in(4) ? 2 : 1;
    const Shape x = {1, extent(), extent(), groups * extent()};
    const int32_t filters = groups * extent();
    set_window(op, x);
    op.groups = groups;
    op.activation = activation();
    weighted(op, x, {filters, kernel_h_, kernel_w_, x[3] / groups}, 0, kernel_h_ * kernel_w_ * x[3] / groups);
  }

  /// 3x3 windows by 1 over channels in fours: many or few, of which the kernel walks over more than one turn
  /// from 36 on.
  void winograd() {
    constexpr std::array kChannels = {4, 8, 12, 16, 20, 32, 36, 40, 48, 64};
    Conv2D op;
    Shape x = {1, extent(), extent(), kChannels[random_.below(kChannels.size())]};
    kernel_h_ = kernel_w_ = 3;
    op.padding = {random_.between(0, 2), random_.between(0, 2), random_.between(0, 2), random_.between(0, 2)};
    x[1] = std::max(x[1], 3 - op.padding.top - op.padding.bottom);
    x[2] = std::max(x[2], 3 - op.padding.left - op.padding.right);
    op.activation = activation();
    extreme_ = one_in(3);
    weighted(op, x, {random_.between(2, 9), 3, 3, x[3]}, 0, 9 * x[3]);
  }

  void operator()(DepthwiseConv2D op) {
    const Shape x = {1, extent(), extent(), extent()};
    set_window(op, x);
    op.multiplier = one_in(3) ? 2 : 1;
    op.activation = activation();
    weighted(op, x, {1, kernel_h_, kernel_w_, x[3] * op.multiplier}, 3, kernel_h_ * kernel_w_);
  }

  void operator()(FullyConnected op) {
    op.activation = activation();
    const int32_t inputs = extent() * extent();
    weighted(op, {one_in(3) ? random_.between(2, 4) : 1, inputs}, {extent(), inputs}, 0, inputs);
  }

  void operator()(Add op) { broadcast(op); }
  void operator()(Sub op) { broadcast(op); }
  void operator()(Mul op) { broadcast(op); }
  void operator()(Maximum op) { broadcast(op, random_quantization()); }
  void operator()(Minimum op) { broadcast(op, random_quantization()); }
  void operator()(Sigmoid op) { node(op, {input({1, extent(), extent()})}, fixed(op)); }
  void operator()(Tanh op) { node(op, {input({1, extent(), extent()})}, fixed(op)); }

  void operator()(HardSwish op) {
    if (is_int16()) return;
    const TensorId x = input({1, extent(), extent()});
    Quantization out = random_quantization();
    if (integer()) out.scales[0] = quantization_of(x).scales[0] * std::exp2(real(-3, 3));
    node(op, {x}, out);
  }

  void operator()(LeakyRelu op) {
    if (is_int16()) return;
    op.alpha = real(0, 1);
    node(op, {input({1, extent(), extent()})}, random_quantization());
  }

  void operator()(Transpose op) {
    const TensorId x = input({1, extent(), extent(), extent(), extent()});
    op.axes = {0, 1, 2, 3, 4};
    random_.shuffle(std::span(op.axes).subspan(1));
    node(op, {x}, quantization_of(x));
  }

  void operator()(Slice op) {
    const TensorId x = input({1, extent(), extent(), extent()});
    for (const int32_t whole : graph_.tensor(x).shape) {
      op.begin.push_back(random_.between(0, whole - 1));
      op.stride.push_back(random_.between(1, 3));
      op.size.push_back(random_.between(1, (whole - op.begin.back() - 1) / op.stride.back() + 1));
    }
    node(op, {x}, quantization_of(x));
  }

  void operator()(ResizeNearest op) {
    const TensorId x = input({1, extent(), extent(), extent()});
    op.factor_h = random_.between(1, 3);
    op.factor_w = random_.between(1, 3);
    node(op, {x}, quantization_of(x));
  }

  void operator()(MaxPool2D op) { pool(op); }
  void operator()(AveragePool2D op) { pool(op); }

  void operator()(Mean op) {
    const int32_t first = random_.between(1, 3);
    for (int32_t axis = first; axis <= random_.between(first, 3); ++axis) op.axes.push_back(axis);
    op.keep_dims = one_in(2);
    const TensorId x = input({1, extent(), extent(), extent()});
    node(op, {x}, one_in(3) ? quantization_of(x) : random_quantization());
  }

  void operator()(Softmax op) {
    op.beta = one_in(2) ? 1.0F : real(0.2F, 2.0F);
    node(op, {input({1, extent(), 2 * extent()})}, fixed(op));
  }

  void operator()(Reshape op) {
    const TensorId x = input({1, extent(), extent()});
    op.shape = {1, -1};
    node(op, {x}, quantization_of(x));
  }

  void operator()(Concat op) {
    Shape shape = {1, extent(), extent(), extent()};
    op.axis = random_.between(1, 3);
    const Quantization q = random_quantization();
    std::vector<TensorId> inputs;
    for (int32_t i = 0; i < random_.between(2, 4); ++i) {
      shape[static_cast<size_t>(op.axis)] = extent();
      inputs.push_back(input(shape, q));
    }
    node(op, inputs, q);
  }

  void operator()(Pad op) {
    const TensorId x = input({1, extent(), extent(), extent()});
    for (int axis = 0; axis < 4; ++axis) {
      op.before.push_back(axis == 0 ? 0 : random_.between(0, 2));
      op.after.push_back(axis == 0 ? 0 : random_.between(0, 2));
    }
    if (one_in(2)) op.value = real(-3, 3);
    node(op, {x}, quantization_of(x));
  }

  void operator()(Quantize op) {
    if (!integer()) return;
    const DataType to = type_;
    type_ = one_in(2) ? DataType::kFloat32 : to;
    if (is_int16() && one_in(2)) type_ = DataType::kInt8;
    const TensorId x = input({1, extent(), extent()});
    type_ = graph_.tensor(x).type == DataType::kInt16 && one_in(2) ? DataType::kInt8 : to;
    node(op, {x}, random_quantization());
  }

  void operator()(Dequantize op) {
    if (!integer()) return;
    const TensorId x = input({1, extent(), extent()});
    type_ = DataType::kFloat32;
    node(op, {x}, {});
  }

  void operator()(BatchNorm op) {
    if (integer()) return;
    const Shape x = {1, extent(), extent(), extent()};
    const Shape channels = {x[3]};
    std::vector<TensorId> inputs = {input(x)};
    for (int i = 0; i < 3; ++i) inputs.push_back(float_constant(channels, -2, 2));
    inputs.push_back(float_constant(channels, 0.1F, 4));
    node(op, inputs, {});
  }

  void operator()(Relu op) { node(op, {input({1, extent(), extent()})}, random_quantization()); }
  void operator()(Relu6 op) { node(op, {input({1, extent(), extent()})}, random_quantization()); }

 private:
  bool one_in(int32_t n) { return random_.below(static_cast<uint32_t>(n)) == 0; }
  int32_t extent() { return random_.between(1, size_); }
  float real(float low, float high) { return low + (high - low) * static_cast<float>(random_.uniform()); }
  Activation activation() { return static_cast<Activation>(random_.below(3)); }
  std::string name(const std::string& what) const {
    return what + "_" + std::to_string(graph_.tensors.size());
  }

  bool integer() const { return type_ != DataType::kFloat32; }
  bool is_int16() const { return type_ == DataType::kInt16; }
  Quantization fixed(const Operator& op) const {
    return fixed_quantization(op, type_).value_or(Quantization{});
  }

  Quantization random_quantization() {
    if (is_int16()) return {.scales = {std::exp2(real(-15, -8))}, .zero_points = {0}, .bits = 16};
    return {.scales = {std::exp2(real(-8, 0))},
            .zero_points = {one_in(4) ? -128 : random_.between(-128, 127)}};
  }
  Quantization quantization_of(TensorId id) const {
    return graph_.tensor(id).quantization.value_or(Quantization{});
  }

  TensorId input(Shape shape, std::optional<Quantization> q = std::nullopt) {
    Tensor tensor;
    tensor.name = name("input");
    tensor.type = type_;
    tensor.shape = std::move(shape);
    if (integer()) tensor.quantization = q ? *q : random_quantization();
    graph_.inputs.push_back(graph_.add(std::move(tensor)));
    return graph_.inputs.back();
  }

  template <typename T>
  TensorId constant(DataType type, Shape shape, const std::vector<T>& values) {
    Tensor tensor;
    tensor.name = name("constant");
    tensor.type = type;
    tensor.shape = std::move(shape);
    tensor.data = Tensor::to_bytes(std::span<const T>(values));
    return graph_.add(std::move(tensor));
  }

  TensorId float_constant(const Shape& shape, float low, float high) {
    std::vector<float> values(element_count(shape));
    for (float& value : values) value = real(low, high);
    return constant(DataType::kFloat32, shape, values);
  }

  void node(Operator op, const std::vector<TensorId>& inputs, const Quantization& q) {
    const TensorId output = graph_.append(op, inputs, name(std::string(name_of(op))));
    graph_.tensor(output).type = type_;
    if (integer()) graph_.tensor(output).quantization = q;
    graph_.outputs.push_back(output);
  }

  /// Chooses a kernel, stride, dilation and padding such that the kernel fits.
  template <typename Window>
  void set_window(Window& op, const Shape& x) {
    const auto choose = [&](int32_t in, int32_t& kernel, int32_t& stride, int32_t& dilation, int32_t& before,
                            int32_t& after) {
      kernel = random_.between(1, 4);
      stride = random_.between(1, 3);
      dilation = one_in(3) ? 2 : 1;
      before = random_.between(0, kernel - 1);
      after = random_.between(0, kernel - 1);
      while ((kernel - 1) * dilation + 1 > in + before + after) ++after;
    };
    choose(x[1], kernel_h_, op.stride_h, op.dilation_h, op.padding.top, op.padding.bottom);
    choose(x[2], kernel_w_, op.stride_w, op.dilation_w, op.padding.left, op.padding.right);
  }

  /// `axis` is that of the output channels in the weights; `fan_in` values go into each output.
  void weighted(const Operator& op, const Shape& x_shape, const Shape& shape, size_t axis, int32_t fan_in) {
    const TensorId x = input(x_shape);
    const int32_t channels = shape[axis];
    const bool bias = !one_in(3);
    if (!integer()) {
      std::vector<TensorId> inputs = {x, float_constant(shape, -1, 1)};
      if (bias) inputs.push_back(float_constant({channels}, -1, 1));
      return node(op, inputs, {});
    }
    std::vector<int8_t> values(element_count(shape));
    const bool narrow = one_in(3);
    for (int8_t& value : values) {
      value = static_cast<int8_t>(narrow ? random_.between(-8, 7) : random_.between(-127, 127));
    }
    if (extreme_) {  // at the ends of their range, all at the same one now and then
      const int32_t low_in = one_in(2) ? 1 : 2;
      for (int8_t& value : values)
        value = static_cast<int8_t>(one_in(low_in) ? (narrow ? -8 : -128) : narrow ? 7 : 127);
    }
    const TensorId weights = constant(DataType::kInt8, shape, values);
    if (narrow) {
      graph_.tensor(weights).type = DataType::kInt4;
      graph_.tensor(weights).data = packed_int4(values);
    }
    Quantization q;
    q.axis = one_in(4) ? -1 : static_cast<int32_t>(axis);
    for (int32_t i = 0; i < (q.per_channel() ? channels : 1); ++i) {
      q.scales.push_back(std::exp2(real(-10, -4)));
      q.zero_points.push_back(0);
    }
    std::vector<TensorId> inputs = {x, weights};
    if (bias && is_int16()) {
      std::vector<int64_t> biases(static_cast<size_t>(channels));
      for (int64_t& value : biases) {
        value = random_.between(-(1 << 22), 1 << 22);
        if (one_in(8)) value *= 1 << 20;
      }
      inputs.push_back(constant(DataType::kInt64, {channels}, biases));
    } else if (bias) {
      std::vector<int32_t> biases(static_cast<size_t>(channels));
      for (int32_t& value : biases)
        value = one_in(8) ? random_.between(-(1 << 28), 1 << 28) : random_.between(-20000, 20000);
      inputs.push_back(constant(DataType::kInt32, {channels}, biases));
    }
    // A sum of fan_in products spreads over about this; now and then the output's scale is far off.
    Quantization out = random_quantization();
    const float spread = quantization_of(x).scales[0] * q.scales[0] * (narrow ? 330 : 5000) *
                         std::sqrt(static_cast<float>(fan_in));
    if (!one_in(6)) out.scales[0] = spread / 100 * std::exp2(real(-2, 2));
    if (extreme_)
      out.scales[0] =
          quantization_of(x).scales[0] * q.scales[0] * (narrow ? 16.0F : 255.0F) * static_cast<float>(fan_in);
    graph_.tensor(weights).quantization = std::move(q);
    node(op, inputs, out);
  }

  template <typename Binary>
  void broadcast(Binary op, std::optional<Quantization> shared = std::nullopt) {
    if constexpr (requires { op.activation; }) op.activation = activation();
    Shape a = {1, extent(), extent(), extent()};
    Shape b = a;
    if (one_in(2)) {
      for (size_t axis = 1; axis < 4; ++axis) {
        if (one_in(3)) (one_in(2) ? a : b)[axis] = 1;
      }
    }
    const TensorId left = input(a, shared);
    const TensorId right = one_in(6) ? left : input(b, shared);
    node(op, {left, right}, shared ? *shared : random_quantization());
  }

  template <typename Pool>
  void pool(Pool op) {
    const TensorId x = input({1, extent(), extent(), extent()});
    const Shape shape = graph_.tensor(x).shape;
    const auto choose = [&](int32_t in, int32_t& kernel, int32_t& stride, int32_t& before, int32_t& after) {
      kernel = random_.between(1, std::min(4, in));
      stride = random_.between(1, 3);
      before = random_.between(0, kernel - 1);
      after = random_.between(0, kernel - 1);
    };
    choose(shape[1], op.kernel_h, op.stride_h, op.padding.top, op.padding.bottom);
    choose(shape[2], op.kernel_w, op.stride_w, op.padding.left, op.padding.right);
    op.activation = activation();
    node(op, {x}, quantization_of(x));
  }

  Graph& graph_;
  DataType type_;
  int32_t size_;
  Random random_;
  int32_t kernel_h_ = 1;
  int32_t kernel_w_ = 1;
  bool extreme_ = false;  ///< weights
};

}  // namespace

std::string operator_name(size_t index) { return std::string(name_of(default_operator(index))); }

void append_case(Graph& graph, size_t index, DataType type, int32_t size, Random random) {
  std::visit(CaseWriter(graph, type, size, random), default_operator(index));
}

void append_winograd_case(Graph& graph, int32_t size, Random random) {
  CaseWriter(graph, DataType::kInt8, size, random).winograd();
}

Graph random_deployable(DataType type, Random random) {
  const Graph network =
      random.fork(2).below(2) == 0 ? random_network(random.fork(1)) : random_varied_network(random.fork(1));
  const Graph graph = fuse_activations(fold_batch_norm(network));
  if (type == DataType::kFloat32) return graph;
  std::vector<Range> ranges(graph.tensors.size());
  ReferenceRun run(graph);
  for (uint64_t i = 0; i < 4; ++i) {
    const std::vector<float> values = random_input(graph, random.fork(10 + i));
    const std::span<const std::byte> inputs[] = {std::as_bytes(std::span(values))};
    run.run(inputs);
    for (size_t t = 0; t < graph.tensors.size(); ++t) {
      if (graph.tensors[t].is_constant()) continue;
      const auto bytes = run.bytes(static_cast<TensorId>(t));
      const std::span<const float> seen(reinterpret_cast<const float*>(bytes.data()),
                                        bytes.size() / sizeof(float));
      const auto [low, high] = std::ranges::minmax(seen);
      ranges[t] = {std::min(ranges[t].low, low), std::max(ranges[t].high, high)};
    }
  }
  if (type == DataType::kInt8) return quantize_from_ranges(graph, ranges);
  return quantize_from_ranges(graph, ranges, int16_options(graph, random.fork(3)));
}

void append_graph(Graph& graph, const Graph& part, const std::string& prefix) {
  const auto first = static_cast<TensorId>(graph.tensors.size());
  const auto moved = [&](std::vector<TensorId> ids) {
    for (TensorId& id : ids) id += first;
    return ids;
  };
  graph.tensors.insert(graph.tensors.end(), part.tensors.begin(), part.tensors.end());
  for (const Node& node : part.nodes) {
    graph.nodes.push_back({prefix + node.name, node.op, moved(node.inputs), moved(node.outputs)});
  }
  for (const TensorId id : moved(part.inputs)) graph.inputs.push_back(id);
  for (const TensorId id : moved(part.outputs)) graph.outputs.push_back(id);
}

std::vector<std::byte> random_sample(const Graph& graph, Random& random) {
  std::vector<std::byte> sample;
  for (const TensorId id : graph.inputs) {
    const Tensor& tensor = graph.tensor(id);
    if (tensor.type != DataType::kFloat32) {
      for (size_t i = 0; i < tensor.bytes(); ++i) sample.push_back(static_cast<std::byte>(random.below(256)));
      continue;
    }
    std::vector<float> values(tensor.elements());
    for (float& value : values) value = static_cast<float>(8 * random.uniform() - 4);
    const auto bytes = std::as_bytes(std::span(values));
    sample.insert(sample.end(), bytes.begin(), bytes.end());
  }
  return sample;
}

}  // namespace thimble::test
