#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace thimble {

/// Extents of a tensor, outermost first. Activations are NHWC, convolution weights OHWI (TensorFlow Lite's
/// layouts).
using Shape = std::vector<int32_t>;

/// An activation function fused into the operator that computes its argument.
enum class Activation : uint8_t { kNone, kRelu, kRelu6 };

/// Rows and columns of zeros (of the zero point, in integers) around an image.
struct Padding2D {
  int32_t top = 0;
  int32_t bottom = 0;
  int32_t left = 0;
  int32_t right = 0;
  bool operator==(const Padding2D&) const = default;
};

// Operators. The comment of each gives its inputs -> outputs; a bias may be left out everywhere.

/// (N, H, W, C) x (O, KH, KW, C / groups) [+ (O)] -> (N, OH, OW, O)
struct Conv2D {
  static constexpr std::string_view kName = "Conv2D";
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t groups = 1;
  Padding2D padding = {};
  Activation activation = Activation::kNone;
  bool operator==(const Conv2D&) const = default;
};

/// (N, H, W, C) x (1, KH, KW, C * multiplier) [+ (C * multiplier)] -> (N, OH, OW, C * multiplier)
struct DepthwiseConv2D {
  static constexpr std::string_view kName = "DepthwiseConv2D";
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t multiplier = 1;  ///< output channels for each input channel
  Padding2D padding = {};
  Activation activation = Activation::kNone;
  bool operator==(const DepthwiseConv2D&) const = default;
};

/// (N, I) x (O, I) [+ (O)] -> (N, O)
struct FullyConnected {
  static constexpr std::string_view kName = "FullyConnected";
  Activation activation = Activation::kNone;
  bool operator==(const FullyConnected&) const = default;
};

/// a + b with NumPy's broadcasting
struct Add {
  static constexpr std::string_view kName = "Add";
  Activation activation = Activation::kNone;
  bool operator==(const Add&) const = default;
};

/// a * b with NumPy's broadcasting
struct Mul {
  static constexpr std::string_view kName = "Mul";
  Activation activation = Activation::kNone;
  bool operator==(const Mul&) const = default;
};

/// a - b with NumPy's broadcasting
struct Sub {
  static constexpr std::string_view kName = "Sub";
  Activation activation = Activation::kNone;
  bool operator==(const Sub&) const = default;
};

/// The larger of a and b with NumPy's broadcasting
struct Maximum {
  static constexpr std::string_view kName = "Maximum";
  bool operator==(const Maximum&) const = default;
};

/// The smaller of a and b with NumPy's broadcasting
struct Minimum {
  static constexpr std::string_view kName = "Minimum";
  bool operator==(const Minimum&) const = default;
};

/// (N, H, W, C) -> (N, OH, OW, C); padding never wins
struct MaxPool2D {
  static constexpr std::string_view kName = "MaxPool2D";
  int32_t kernel_h = 2, kernel_w = 2;
  int32_t stride_h = 2, stride_w = 2;
  Padding2D padding = {};
  Activation activation = Activation::kNone;
  bool operator==(const MaxPool2D&) const = default;
};

/// (N, H, W, C) -> (N, OH, OW, C); padding is left out of the count (TensorFlow Lite's rule)
struct AveragePool2D {
  static constexpr std::string_view kName = "AveragePool2D";
  int32_t kernel_h = 2, kernel_w = 2;
  int32_t stride_h = 2, stride_w = 2;
  Padding2D padding = {};
  Activation activation = Activation::kNone;
  bool operator==(const AveragePool2D&) const = default;
};

/// The mean over neighbouring axes, for example over {1, 2}: (N, H, W, C) -> (N, C), or (N, 1, 1, C) with
/// keep_dims
struct Mean {
  static constexpr std::string_view kName = "Mean";
  std::vector<int32_t> axes;  ///< ascending, without gaps, none of them 0
  bool keep_dims = false;
  bool operator==(const Mean&) const = default;
};

/// exp(beta * x) / sum exp(beta * x) over the last axis
struct Softmax {
  static constexpr std::string_view kName = "Softmax";
  float beta = 1.0F;
  bool operator==(const Softmax&) const = default;
};

/// The same elements in the same order under another shape; one extent may be -1 (it takes what is left)
struct Reshape {
  static constexpr std::string_view kName = "Reshape";
  Shape shape;
  bool operator==(const Reshape&) const = default;
};

/// Two or more inputs, one after another along an axis
struct Concat {
  static constexpr std::string_view kName = "Concat";
  int32_t axis = 0;
  bool operator==(const Concat&) const = default;
};

/// A value before and after each axis: zeros (the zero point, in integers) unless it says otherwise
struct Pad {
  static constexpr std::string_view kName = "Pad";
  std::vector<int32_t> before;
  std::vector<int32_t> after;
  float value = 0.0F;  ///< beyond the range of the integers, the nearest of them
  bool operator==(const Pad&) const = default;
};

/// The axes in another order: axis i of the result is axis axes[i] of the input
struct Transpose {
  static constexpr std::string_view kName = "Transpose";
  std::vector<int32_t> axes;
  bool operator==(const Transpose&) const = default;
};

/// A part of each axis: size[i] elements from begin[i] on, stride[i] apart
struct Slice {
  static constexpr std::string_view kName = "Slice";
  std::vector<int32_t> begin;
  std::vector<int32_t> size;
  std::vector<int32_t> stride;
  bool operator==(const Slice&) const = default;
};

/// (N, H, W, C) -> (N, H * factor_h, W * factor_w, C); every element is repeated
struct ResizeNearest {
  static constexpr std::string_view kName = "ResizeNearest";
  int32_t factor_h = 2, factor_w = 2;
  bool operator==(const ResizeNearest&) const = default;
};

/// float32 -> integer by the output's quantization, or integer -> integer of another scale (requantization)
struct Quantize {
  static constexpr std::string_view kName = "Quantize";
  bool operator==(const Quantize&) const = default;
};

/// integer -> float32 by the input's quantization
struct Dequantize {
  static constexpr std::string_view kName = "Dequantize";
  bool operator==(const Dequantize&) const = default;
};

/// 1 / (1 + exp(-x)); int8 results have scale 1/256 and zero point -128, int16 ones 1/32768
struct Sigmoid {
  static constexpr std::string_view kName = "Sigmoid";
  bool operator==(const Sigmoid&) const = default;
};

/// int8 results have scale 1/128 and zero point 0, int16 ones 1/32768
struct Tanh {
  static constexpr std::string_view kName = "Tanh";
  bool operator==(const Tanh&) const = default;
};

/// x * min(max(x + 3, 0), 6) / 6
struct HardSwish {
  static constexpr std::string_view kName = "HardSwish";
  bool operator==(const HardSwish&) const = default;
};

/// x where it is positive, alpha * x elsewhere
struct LeakyRelu {
  static constexpr std::string_view kName = "LeakyRelu";
  float alpha = 0.01F;  ///< not negative
  bool operator==(const LeakyRelu&) const = default;
};

/// x, gamma, beta, mean, variance -> gamma * (x - mean) / sqrt(variance + epsilon) + beta, over the last
/// axis. float32 only; fold_batch_norm removes it before quantization and deployment.
struct BatchNorm {
  static constexpr std::string_view kName = "BatchNorm";
  float epsilon = 1e-5F;
  bool operator==(const BatchNorm&) const = default;
};

/// max(x, 0)
struct Relu {
  static constexpr std::string_view kName = "Relu";
  bool operator==(const Relu&) const = default;
};

/// min(max(x, 0), 6)
struct Relu6 {
  static constexpr std::string_view kName = "Relu6";
  bool operator==(const Relu6&) const = default;
};

/// Every operator there is. Consumers visit it exhaustively: a new one is a list of compile errors
/// (docs/adding-an-operator.md).
using Operator =
    std::variant<Conv2D, DepthwiseConv2D, FullyConnected, Add, Sub, Mul, Maximum, Minimum, MaxPool2D,
                 AveragePool2D, Mean, Softmax, Sigmoid, Tanh, HardSwish, LeakyRelu, Reshape, Transpose, Slice,
                 ResizeNearest, Concat, Pad, Quantize, Dequantize, BatchNorm, Relu, Relu6>;

/// The operator's name as the field writes it: "Conv2D".
std::string_view name_of(const Operator& op);

/// The activation fused into the operator, or kNone for one that fuses none.
Activation fused_activation(const Operator& op);

/// Whether kernels compute the operator on int16 activations.
bool has_int16_form(const Operator& op);

/// Whether the operator can fuse an activation; sets it if so.
bool set_fused_activation(Operator& op, Activation activation);

/// For std::visit with one lambda an alternative.
template <typename... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};
template <typename... Cases>
Overload(Cases...) -> Overload<Cases...>;

}  // namespace thimble
