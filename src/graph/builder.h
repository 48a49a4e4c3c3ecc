#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "graph/graph.h"

namespace thimble {

/// Padding of a builder's convolution or pooling, as TensorFlow names it.
enum class PaddingMode { kSame, kValid };

/// TensorFlow's SAME padding for an input extent: the output is ceil(extent / stride), the odd row goes last.
Padding2D same_padding(int32_t height, int32_t width, int32_t kernel_h, int32_t kernel_w, int32_t stride_h,
                       int32_t stride_w, int32_t dilation_h = 1, int32_t dilation_w = 1);

struct ConvOptions {
  int32_t kernel_h = 3, kernel_w = 3;
  int32_t stride_h = 1, stride_w = 1;
  PaddingMode padding = PaddingMode::kSame;
  bool bias = false;  ///< off by default: a batch norm usually follows
};

struct PoolOptions {
  int32_t kernel_h = 2, kernel_w = 2;
  int32_t stride_h = 2, stride_w = 2;
  PaddingMode padding = PaddingMode::kValid;
};

/// Writes a float32 network layer by layer; every call returns the new activation's tensor. Weights are
/// He-normal (He et al., ICCV 2015), biases zero, batch norms the identity. Nodes are named "<stem>_<n>" in
/// order of creation.
class GraphBuilder {
 public:
  GraphBuilder(std::string graph_name, uint64_t seed);

  TensorId input(std::string name, Shape shape);
  TensorId conv2d(TensorId x, int32_t filters, const ConvOptions& options);
  TensorId depthwise_conv2d(TensorId x, const ConvOptions& options, int32_t multiplier = 1);
  TensorId fully_connected(TensorId x, int32_t units);  ///< with bias
  /// A dense layer whose weights are normal with the variance of PyTorch's, a sixth of He's: scores that
  /// begin near each other.
  TensorId classifier(TensorId x, int32_t classes);
  TensorId batch_norm(TensorId x);
  TensorId relu(TensorId x);
  TensorId relu6(TensorId x);
  TensorId add(TensorId a, TensorId b);
  TensorId max_pool(TensorId x, int32_t kernel, int32_t stride, PaddingMode padding = PaddingMode::kValid);
  TensorId max_pool(TensorId x, const PoolOptions& options);
  TensorId average_pool(TensorId x, int32_t kernel, int32_t stride,
                        PaddingMode padding = PaddingMode::kValid);
  TensorId global_max_pool(TensorId x);      ///< (N, H, W, C) -> (N, 1, 1, C)
  TensorId global_average_pool(TensorId x);  ///< (N, H, W, C) -> (N, C)
  TensorId flatten(TensorId x);
  TensorId softmax(TensorId x);

  /// The finished, validated graph.
  Graph finish(std::vector<TensorId> outputs);

 private:
  TensorId append(Operator op, std::vector<TensorId> inputs, const char* stem);
  TensorId constant(std::string name, Shape shape, std::vector<float> values);
  TensorId normal(std::string name, Shape shape, double variance);
  TensorId he_normal(std::string name, Shape shape, size_t fan_in);
  TensorId dense(TensorId x, int32_t units, double gain);
  Padding2D padding_of(TensorId x, int32_t kernel_h, int32_t kernel_w, int32_t stride_h, int32_t stride_w,
                       PaddingMode mode) const;

  Graph graph_;
  Random random_;
};

}  // namespace thimble
