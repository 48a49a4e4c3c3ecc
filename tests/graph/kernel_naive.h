#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "graph/graph.h"
#include "graph/reference_run.h"

/// Definitions of the operators that are slow and obviously right, over any kind of number: int64_t for
/// integer kernels (zero points already taken off), double for float32 kernels.
namespace thimble::naive {

template <typename T>
struct Array {
  Shape shape;
  std::vector<T> values;
};

template <typename T>
T at(const Array<T>& a, int32_t y, int32_t x, int32_t c) {
  return a.values[static_cast<size_t>((y * a.shape[2] + x) * a.shape[3] + c)];
}

/// (1, H, W, C) x (O, KH, KW, C / groups) + bias -> (1, OH, OW, O), tap by tap, zero outside the image.
template <typename T>
Array<T> conv2d(const Conv2D& o, const Array<T>& x, const Array<T>& w, const std::vector<T>& bias,
                Shape y_shape) {
  Array<T> y{std::move(y_shape), {}};
  const int32_t depth = w.shape[3];
  for (int32_t row = 0; row < y.shape[1]; ++row) {
    for (int32_t column = 0; column < y.shape[2]; ++column) {
      for (int32_t out = 0; out < y.shape[3]; ++out) {
        T sum = bias.empty() ? T{0} : bias[static_cast<size_t>(out)];
        for (int32_t i = 0; i < w.shape[1]; ++i) {
          for (int32_t j = 0; j < w.shape[2]; ++j) {
            for (int32_t d = 0; d < depth; ++d) {
              const int32_t in_row = row * o.stride_h - o.padding.top + i * o.dilation_h;
              const int32_t in_column = column * o.stride_w - o.padding.left + j * o.dilation_w;
              if (in_row < 0 || in_row >= x.shape[1] || in_column < 0 || in_column >= x.shape[2]) continue;
              const int32_t group = out / (y.shape[3] / o.groups);
              const size_t tap = static_cast<size_t>(((out * w.shape[1] + i) * w.shape[2] + j) * depth + d);
              sum += at(x, in_row, in_column, group * depth + d) * w.values[tap];
            }
          }
        }
        y.values.push_back(sum);
      }
    }
  }
  return y;
}

/// A depthwise convolution is one with as many groups as channels; its weights change their layout.
template <typename T>
Array<T> depthwise_conv2d(const DepthwiseConv2D& o, const Array<T>& x, const Array<T>& w,
                          const std::vector<T>& bias, Shape y_shape) {
  Conv2D conv;
  conv.stride_h = o.stride_h, conv.stride_w = o.stride_w;
  conv.dilation_h = o.dilation_h, conv.dilation_w = o.dilation_w;
  conv.padding = o.padding;
  conv.groups = x.shape[3];
  Array<T> grouped{{w.shape[3], w.shape[1], w.shape[2], 1}, {}};
  for (int32_t out = 0; out < w.shape[3]; ++out) {
    for (int32_t i = 0; i < w.shape[1]; ++i) {
      for (int32_t j = 0; j < w.shape[2]; ++j) grouped.values.push_back(at(w, i, j, out));
    }
  }
  return conv2d(conv, x, grouped, bias, std::move(y_shape));
}

/// f(values under the window that lie inside the image) for each output of a pooling.
template <typename T, typename Pool, typename F>
Array<T> pool(const Pool& o, const Array<T>& x, Shape y_shape, const F& f) {
  Array<T> y{std::move(y_shape), {}};
  for (int32_t row = 0; row < y.shape[1]; ++row) {
    for (int32_t column = 0; column < y.shape[2]; ++column) {
      for (int32_t c = 0; c < y.shape[3]; ++c) {
        std::vector<T> window;
        for (int32_t i = 0; i < o.kernel_h; ++i) {
          for (int32_t j = 0; j < o.kernel_w; ++j) {
            const int32_t in_row = row * o.stride_h - o.padding.top + i;
            const int32_t in_column = column * o.stride_w - o.padding.left + j;
            const bool inside =
                in_row >= 0 && in_row < x.shape[1] && in_column >= 0 && in_column < x.shape[2];
            if (inside) window.push_back(at(x, in_row, in_column, c));
          }
        }
        y.values.push_back(f(window));
      }
    }
  }
  return y;
}

/// The element of `a` that broadcasting pairs with the element of a result of shape `y` at flat index `i`.
template <typename T>
T broadcast_at(const Array<T>& a, const Shape& y, size_t i) {
  size_t index = 0;
  size_t stride = 1;
  for (size_t axis = y.size(); axis-- > 0;) {
    const size_t coordinate = i % static_cast<size_t>(y[axis]);
    i /= static_cast<size_t>(y[axis]);
    const size_t lead = y.size() - a.shape.size();
    if (axis < lead) continue;
    const auto extent = static_cast<size_t>(a.shape[axis - lead]);
    index += (extent == 1 ? 0 : coordinate) * stride;
    stride *= extent;
  }
  return a.values[index];
}

__extension__ typedef __int128 Int128;

/// x * real as 32-bit fixed point gives it, by the definition: a 31-bit mantissa, the product rounded to
/// nearest (ties upward) at 2^-31, then shifted right rounding to nearest (ties away from zero). Exact, in
/// 128 bits.
inline int64_t scaled(int64_t x, double real) {
  const int exponent = std::ilogb(real) + 1;
  const auto mantissa = static_cast<int64_t>(std::round(std::ldexp(real, 31 - exponent)));
  const Int128 product = static_cast<Int128>(x) * (int64_t{1} << std::max(exponent, 0)) * mantissa;
  const Int128 unit = Int128{1} << 31;
  const Int128 doubled = product + unit / 2;
  Int128 high = doubled / unit;
  if (doubled < 0 && doubled % unit != 0) --high;  // floor
  const Int128 divisor = Int128{1} << std::max(-exponent, 0);
  const Int128 magnitude = ((high < 0 ? -high : high) + divisor / 2) / divisor;
  return static_cast<int64_t>(high < 0 ? -magnitude : magnitude);
}

/// A graph of one node. The first `variable_inputs` inputs are the graph's, the others constants.
struct OneNode {
  Graph graph;
  std::vector<std::vector<std::byte>> inputs;

  void input(Tensor tensor) {
    inputs.push_back(*std::exchange(tensor.data, std::nullopt));
    tensor.name = "input_" + std::to_string(graph.tensors.size());
    graph.inputs.push_back(graph.add(std::move(tensor)));
  }
  void constant(Tensor tensor) {
    tensor.name = "constant_" + std::to_string(graph.tensors.size());
    graph.add(std::move(tensor));
  }
  void node(Operator op, DataType type, std::optional<Quantization> quantization) {
    std::vector<TensorId> ids(graph.tensors.size());
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TensorId>(i);
    const TensorId output = graph.append(std::move(op), std::move(ids), "node");
    graph.tensor(output).type = type;
    graph.tensor(output).quantization = std::move(quantization);
    graph.outputs = {output};
  }
  const Shape& output_shape() const { return graph.tensor(graph.outputs[0]).shape; }

  template <typename T>
  std::vector<T> run() const {
    ReferenceRun reference(graph);
    std::vector<std::span<const std::byte>> views(inputs.begin(), inputs.end());
    reference.run(views);
    const auto bytes = reference.bytes(graph.outputs[0]);
    const auto* first = reinterpret_cast<const T*>(bytes.data());
    return {first, first + bytes.size() / sizeof(T)};
  }
};

inline Quantization random_quantization(Random& random) {
  const auto scale = static_cast<float>(std::exp(random.uniform() * 5 - 6));  // 0.0025 ... 0.37
  return {{scale}, {random.between(-128, 127)}, -1, 8};
}

inline Tensor random_int8(Random& random, Shape shape, Quantization quantization, int32_t low = -128) {
  Tensor tensor{"", DataType::kInt8, std::move(shape), std::move(quantization), {}};
  std::vector<int8_t> values(tensor.elements());
  for (int8_t& value : values) value = static_cast<int8_t>(random.between(low, 127));
  tensor.data = Tensor::to_bytes<int8_t>(values);
  return tensor;
}

inline Tensor random_float(Random& random, Shape shape, float low = -3, float high = 3) {
  Tensor tensor{"", DataType::kFloat32, std::move(shape), {}, {}};
  std::vector<float> values(tensor.elements());
  for (float& value : values) value = low + (high - low) * static_cast<float>(random.uniform());
  tensor.data = Tensor::to_bytes<float>(values);
  return tensor;
}

/// Elements as integers less the zero point.
inline Array<int64_t> integers(const Tensor& tensor) {
  Array<int64_t> result{tensor.shape, {}};
  for (const int8_t value : tensor.values<int8_t>()) {
    result.values.push_back(value - tensor.quantization->zero_points[0]);
  }
  return result;
}

inline Array<double> reals(const Tensor& tensor) {
  return {tensor.shape, {tensor.values<float>().begin(), tensor.values<float>().end()}};
}

inline Activation random_activation(Random& random) { return static_cast<Activation>(random.below(3)); }

inline double activated(double x, Activation activation) {
  if (activation != Activation::kNone) x = std::max(x, 0.0);
  return activation == Activation::kRelu6 ? std::min(x, 6.0) : x;
}

/// A scaled accumulator as an int8 output.
inline int8_t finished(int64_t scaled, const Quantization& q, Activation activation) {
  const int64_t zero_point = q.zero_points[0];
  int64_t low = -128;
  int64_t high = 127;
  if (activation != Activation::kNone) low = zero_point;
  if (activation == Activation::kRelu6) {
    high = std::min<int64_t>(high, zero_point + std::lround(6.0F / q.scales[0]));
  }
  return static_cast<int8_t>(std::min(high, std::max(low, scaled + zero_point)));
}

/// Convolution options and shapes that fit each other.
struct ConvCase {
  Conv2D conv;
  Shape input, weights;
};

inline ConvCase random_conv(Random& random) {
  ConvCase c;
  c.conv.groups = random.between(1, 3);
  c.conv.stride_h = random.between(1, 3), c.conv.stride_w = random.between(1, 3);
  c.conv.dilation_h = random.between(1, 3), c.conv.dilation_w = random.between(1, 3);
  c.conv.padding = {random.between(0, 3), random.between(0, 3), random.between(0, 3), random.between(0, 3)};
  c.conv.activation = random_activation(random);
  const int32_t depth = random.between(1, 9);
  c.weights = {c.conv.groups * random.between(1, 4), random.between(1, 4), random.between(1, 4), depth};
  const int32_t least_h =
      (c.weights[1] - 1) * c.conv.dilation_h + 1 - c.conv.padding.top - c.conv.padding.bottom;
  const int32_t least_w =
      (c.weights[2] - 1) * c.conv.dilation_w + 1 - c.conv.padding.left - c.conv.padding.right;
  c.input = {1, std::max(1, least_h) + random.between(0, 6), std::max(1, least_w) + random.between(0, 6),
             depth * c.conv.groups};
  return c;
}

template <typename Pool>
std::pair<Pool, Shape> random_pool(Random& random) {
  Pool o;
  o.kernel_h = random.between(1, 4), o.kernel_w = random.between(1, 4);
  o.stride_h = random.between(1, 3), o.stride_w = random.between(1, 3);
  o.padding = {random.between(0, o.kernel_h - 1), random.between(0, o.kernel_h - 1),
               random.between(0, o.kernel_w - 1), random.between(0, o.kernel_w - 1)};
  o.activation = random_activation(random);
  return {o, {1, o.kernel_h + random.between(0, 6), o.kernel_w + random.between(0, 6), random.between(1, 9)}};
}

/// Two shapes that broadcast to one of up to five axes.
inline std::pair<Shape, Shape> random_broadcast(Random& random) {
  Shape a(static_cast<size_t>(random.between(1, 5)));
  for (int32_t& extent : a) extent = random.between(1, 4);
  Shape b = a;
  switch (random.below(4)) {
    case 0:  // the same shape
      break;
    case 1:  // one value for each channel
      b = {a.back()};
      break;
    case 2:  // a block of neighbouring axes of extent 1
      for (size_t i = random.below(static_cast<uint32_t>(b.size())); i < b.size(); ++i) b[i] = 1;
      break;
    default:  // a scalar
      b = {1};
  }
  return random.below(2) == 0 ? std::pair(a, b) : std::pair(b, a);
}

}  // namespace thimble::naive
