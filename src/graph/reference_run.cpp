#include "graph/reference_run.h"

#include <fmt/format.h>

#include <cassert>
#include <cstring>

#include "base/error.h"
#include "graph/kernel_call.h"
#include "kernels/generic/add_f32.h"
#include "kernels/generic/add_s16.h"
#include "kernels/generic/add_s8.h"
#include "kernels/generic/average_pool2d_f32.h"
#include "kernels/generic/average_pool2d_s16.h"
#include "kernels/generic/average_pool2d_s8.h"
#include "kernels/generic/batch_norm_f32.h"
#include "kernels/generic/concat_f32.h"
#include "kernels/generic/concat_s16.h"
#include "kernels/generic/concat_s8.h"
#include "kernels/generic/conv2d_f32.h"
#include "kernels/generic/conv2d_s16.h"
#include "kernels/generic/conv2d_s8.h"
#include "kernels/generic/copy_f32.h"
#include "kernels/generic/copy_s16.h"
#include "kernels/generic/copy_s8.h"
#include "kernels/generic/depthwise_conv2d_f32.h"
#include "kernels/generic/depthwise_conv2d_s16.h"
#include "kernels/generic/depthwise_conv2d_s8.h"
#include "kernels/generic/dequantize_s16.h"
#include "kernels/generic/dequantize_s8.h"
#include "kernels/generic/fully_connected_f32.h"
#include "kernels/generic/fully_connected_s16.h"
#include "kernels/generic/fully_connected_s8.h"
#include "kernels/generic/hard_swish_f32.h"
#include "kernels/generic/leaky_relu_f32.h"
#include "kernels/generic/lookup_s8.h"
#include "kernels/generic/max_pool2d_f32.h"
#include "kernels/generic/max_pool2d_s16.h"
#include "kernels/generic/max_pool2d_s8.h"
#include "kernels/generic/maximum_f32.h"
#include "kernels/generic/maximum_s16.h"
#include "kernels/generic/maximum_s8.h"
#include "kernels/generic/mean_f32.h"
#include "kernels/generic/mean_s16.h"
#include "kernels/generic/mean_s8.h"
#include "kernels/generic/minimum_f32.h"
#include "kernels/generic/minimum_s16.h"
#include "kernels/generic/minimum_s8.h"
#include "kernels/generic/mul_f32.h"
#include "kernels/generic/mul_s16.h"
#include "kernels/generic/mul_s8.h"
#include "kernels/generic/pad_f32.h"
#include "kernels/generic/pad_s16.h"
#include "kernels/generic/pad_s8.h"
#include "kernels/generic/quantize_s16.h"
#include "kernels/generic/quantize_s8.h"
#include "kernels/generic/relu_f32.h"
#include "kernels/generic/requantize_from_s8_s16.h"
#include "kernels/generic/requantize_from_u8_s8.h"
#include "kernels/generic/requantize_s16.h"
#include "kernels/generic/requantize_s8.h"
#include "kernels/generic/requantize_to_s8_s16.h"
#include "kernels/generic/requantize_to_u8_s8.h"
#include "kernels/generic/sigmoid_f32.h"
#include "kernels/generic/sigmoid_s16.h"
#include "kernels/generic/softmax_f32.h"
#include "kernels/generic/softmax_s16.h"
#include "kernels/generic/softmax_s8.h"
#include "kernels/generic/strided_copy_f32.h"
#include "kernels/generic/strided_copy_s16.h"
#include "kernels/generic/strided_copy_s8.h"
#include "kernels/generic/sub_f32.h"
#include "kernels/generic/sub_s16.h"
#include "kernels/generic/sub_s8.h"
#include "kernels/generic/tanh_f32.h"
#include "kernels/generic/tanh_s16.h"

namespace thimble {

/// One kernel with all its arguments.
struct ReferenceRun::Step {
  KernelCall call;
  std::vector<int8_t> unpacked;  ///< weights of 4 bits, one a byte
  std::vector<const std::byte*> inputs;
  std::byte* output = nullptr;
  void (*execute)(const Step&) = nullptr;

  template <typename Parameters>
  const Parameters* parameters() const {
    return &std::get<Parameters>(call.parameters);
  }
  /// NULL for a bias left out.
  template <typename T>
  const T* in(size_t i) const {
    return i < inputs.size() ? reinterpret_cast<const T*>(inputs[i]) : nullptr;
  }
  template <typename T>
  T* out() const {
    return reinterpret_cast<T*>(output);
  }

  using Execute = void (*)(const Step&);

  /// A kernel of the form (parameters, input, output).
  template <auto kKernel, typename P, typename In, typename Out>
  static void unary(const Step& s) {
    kKernel(s.parameters<P>(), s.in<In>(0), s.out<Out>());
  }
  /// A kernel of the form (parameters, a, b, output).
  template <auto kKernel, typename P, typename T>
  static void binary(const Step& s) {
    kKernel(s.parameters<P>(), s.in<T>(0), s.in<T>(1), s.out<T>());
  }
  /// A float32 kernel of the form (parameters, input, weights, bias, output).
  template <auto kKernel, typename P>
  static void weighted_f32(const Step& s) {
    kKernel(s.parameters<P>(), s.in<float>(0), s.in<float>(1), s.in<float>(2), s.out<float>());
  }
  /// An integer kernel of the form (parameters, input, weights, bias, multipliers, shifts, output).
  template <auto kKernel, typename P, typename T, typename Bias>
  static void weighted(const Step& s) {
    kKernel(s.parameters<P>(), s.in<T>(0), s.in<int8_t>(1), s.in<Bias>(2), s.call.multipliers.data(),
            s.call.shifts.data(), s.out<T>());
  }
  template <auto kKernel, typename T>
  static void concat(const Step& s) {
    const auto& pieces = *s.parameters<std::vector<thimble_concat_piece>>();
    for (size_t i = 0; i < pieces.size(); ++i) kKernel(&pieces[i], s.in<T>(i), s.out<T>());
  }
  static void lookup(const Step& s) {
    thimble_lookup_generic_s8(s.parameters<thimble_elementwise_parameters>(), s.in<int8_t>(0),
                              s.call.table.data(), s.out<int8_t>());
  }
  /// An int16 kernel of the form (parameters, input, table, output).
  template <auto kKernel, typename P>
  static void interpolated(const Step& s) {
    kKernel(s.parameters<P>(), s.in<int16_t>(0), s.call.interpolated.data(), s.out<int16_t>());
  }
  static void batch_norm(const Step& s) {
    thimble_batch_norm_generic_f32(s.parameters<thimble_batch_norm_parameters>(), s.in<float>(0),
                                   s.in<float>(1), s.in<float>(2), s.in<float>(3), s.in<float>(4),
                                   s.out<float>());
  }

  static Execute kernel_of(const Graph& graph, const Node& node);
};

ReferenceRun::Step::Execute ReferenceRun::Step::kernel_of(const Graph& graph, const Node& node) {
  const DataType from = graph.tensor(node.inputs[0]).type;
  const DataType to = graph.tensor(node.outputs[0]).type;
  const auto pick = [to](Execute f32, Execute s8, Execute s16) {
    return to == DataType::kFloat32 ? f32 : to == DataType::kInt16 ? s16 : s8;
  };
  constexpr Execute kRelu = unary<thimble_relu_generic_f32, thimble_relu_parameters, float, float>;
  constexpr Execute kRequantizeS8 =
      unary<thimble_requantize_generic_s8, thimble_requantize_parameters, int8_t, int8_t>;
  constexpr Execute kRequantizeS16 =
      unary<thimble_requantize_generic_s16, thimble_requantize_parameters, int16_t, int16_t>;
  constexpr Execute kStridedCopyF32 =
      unary<thimble_strided_copy_generic_f32, thimble_strided_copy_parameters, float, float>;
  constexpr Execute kStridedCopyS8 =
      unary<thimble_strided_copy_generic_s8, thimble_strided_copy_parameters, int8_t, int8_t>;
  constexpr Execute kStridedCopyS16 =
      unary<thimble_strided_copy_generic_s16, thimble_strided_copy_parameters, int16_t, int16_t>;
  return std::visit(
      Overload{
          [&](const Conv2D&) {
            using P = thimble_conv2d_parameters;
            return pick(weighted_f32<thimble_conv2d_generic_f32, P>,
                        weighted<thimble_conv2d_generic_s8, P, int8_t, int32_t>,
                        weighted<thimble_conv2d_generic_s16, P, int16_t, int64_t>);
          },
          [&](const DepthwiseConv2D&) {
            using P = thimble_depthwise_conv2d_parameters;
            return pick(weighted_f32<thimble_depthwise_conv2d_generic_f32, P>,
                        weighted<thimble_depthwise_conv2d_generic_s8, P, int8_t, int32_t>,
                        weighted<thimble_depthwise_conv2d_generic_s16, P, int16_t, int64_t>);
          },
          [&](const FullyConnected&) {
            using P = thimble_fully_connected_parameters;
            return pick(weighted_f32<thimble_fully_connected_generic_f32, P>,
                        weighted<thimble_fully_connected_generic_s8, P, int8_t, int32_t>,
                        weighted<thimble_fully_connected_generic_s16, P, int16_t, int64_t>);
          },
          [&](const Add&) {
            using P = thimble_add_parameters;
            return pick(binary<thimble_add_generic_f32, P, float>, binary<thimble_add_generic_s8, P, int8_t>,
                        binary<thimble_add_generic_s16, P, int16_t>);
          },
          [&](const Mul&) {
            using P = thimble_mul_parameters;
            return pick(binary<thimble_mul_generic_f32, P, float>, binary<thimble_mul_generic_s8, P, int8_t>,
                        binary<thimble_mul_generic_s16, P, int16_t>);
          },
          [&](const Sub&) {
            using P = thimble_add_parameters;
            return pick(binary<thimble_sub_generic_f32, P, float>, binary<thimble_sub_generic_s8, P, int8_t>,
                        binary<thimble_sub_generic_s16, P, int16_t>);
          },
          [&](const Maximum&) {
            using P = thimble_select_parameters;
            return pick(binary<thimble_maximum_generic_f32, P, float>,
                        binary<thimble_maximum_generic_s8, P, int8_t>,
                        binary<thimble_maximum_generic_s16, P, int16_t>);
          },
          [&](const Minimum&) {
            using P = thimble_select_parameters;
            return pick(binary<thimble_minimum_generic_f32, P, float>,
                        binary<thimble_minimum_generic_s8, P, int8_t>,
                        binary<thimble_minimum_generic_s16, P, int16_t>);
          },
          [&](const Sigmoid&) {
            return pick(unary<thimble_sigmoid_generic_f32, thimble_elementwise_parameters, float, float>,
                        lookup, interpolated<thimble_sigmoid_generic_s16, thimble_sigmoid_parameters>);
          },
          [&](const Tanh&) {
            return pick(unary<thimble_tanh_generic_f32, thimble_elementwise_parameters, float, float>, lookup,
                        interpolated<thimble_tanh_generic_s16, thimble_sigmoid_parameters>);
          },
          [&](const HardSwish&) {
            return pick(unary<thimble_hard_swish_generic_f32, thimble_elementwise_parameters, float, float>,
                        lookup, nullptr);
          },
          [&](const LeakyRelu&) {
            return pick(unary<thimble_leaky_relu_generic_f32, thimble_leaky_relu_parameters, float, float>,
                        lookup, nullptr);
          },
          [&](const Transpose&) { return pick(kStridedCopyF32, kStridedCopyS8, kStridedCopyS16); },
          [&](const Slice&) { return pick(kStridedCopyF32, kStridedCopyS8, kStridedCopyS16); },
          [&](const ResizeNearest&) { return pick(kStridedCopyF32, kStridedCopyS8, kStridedCopyS16); },
          [&](const MaxPool2D&) {
            using P = thimble_pool2d_parameters;
            return pick(unary<thimble_max_pool2d_generic_f32, P, float, float>,
                        unary<thimble_max_pool2d_generic_s8, P, int8_t, int8_t>,
                        unary<thimble_max_pool2d_generic_s16, P, int16_t, int16_t>);
          },
          [&](const AveragePool2D&) {
            using P = thimble_pool2d_parameters;
            return pick(unary<thimble_average_pool2d_generic_f32, P, float, float>,
                        unary<thimble_average_pool2d_generic_s8, P, int8_t, int8_t>,
                        unary<thimble_average_pool2d_generic_s16, P, int16_t, int16_t>);
          },
          [&](const Mean&) {
            using P = thimble_mean_parameters;
            return pick(unary<thimble_mean_generic_f32, P, float, float>,
                        unary<thimble_mean_generic_s8, P, int8_t, int8_t>,
                        unary<thimble_mean_generic_s16, P, int16_t, int16_t>);
          },
          [&](const Softmax&) {
            using P = thimble_softmax_parameters;
            return pick(unary<thimble_softmax_generic_f32, P, float, float>,
                        unary<thimble_softmax_generic_s8, P, int8_t, int8_t>,
                        interpolated<thimble_softmax_generic_s16, P>);
          },
          [&](const Reshape&) {
            using P = thimble_copy_parameters;
            return pick(unary<thimble_copy_generic_f32, P, float, float>,
                        unary<thimble_copy_generic_s8, P, int8_t, int8_t>,
                        unary<thimble_copy_generic_s16, P, int16_t, int16_t>);
          },
          [&](const Concat&) {
            return pick(concat<thimble_concat_generic_f32, float>, concat<thimble_concat_generic_s8, int8_t>,
                        concat<thimble_concat_generic_s16, int16_t>);
          },
          [&](const Pad&) {
            using P = thimble_pad_parameters;
            return pick(unary<thimble_pad_generic_f32, P, float, float>,
                        unary<thimble_pad_generic_s8, P, int8_t, int8_t>,
                        unary<thimble_pad_generic_s16, P, int16_t, int16_t>);
          },
          [&](const Quantize&) -> Execute {
            using P = thimble_requantize_parameters;
            if (from == DataType::kFloat32)
              return pick(nullptr,
                          unary<thimble_quantize_generic_s8, thimble_quantize_parameters, float, int8_t>,
                          unary<thimble_quantize_generic_s16, thimble_quantize_parameters, float, int16_t>);
            if (from == DataType::kUint8)
              return unary<thimble_requantize_from_u8_generic_s8, P, uint8_t, int8_t>;
            if (to == DataType::kUint8) return unary<thimble_requantize_to_u8_generic_s8, P, int8_t, uint8_t>;
            if (from == to) return pick(nullptr, kRequantizeS8, kRequantizeS16);
            return pick(nullptr, unary<thimble_requantize_to_s8_generic_s16, P, int16_t, int8_t>,
                        unary<thimble_requantize_from_s8_generic_s16, P, int8_t, int16_t>);
          },
          [&](const Dequantize&) -> Execute {
            using P = thimble_dequantize_parameters;
            if (from == DataType::kInt16) return unary<thimble_dequantize_generic_s16, P, int16_t, float>;
            return unary<thimble_dequantize_generic_s8, P, int8_t, float>;
          },
          [&](const BatchNorm&) -> Execute { return batch_norm; },
          [&](const Relu&) { return pick(kRelu, kRequantizeS8, kRequantizeS16); },
          [&](const Relu6&) { return pick(kRelu, kRequantizeS8, kRequantizeS16); }},
      node.op);
}

ReferenceRun::ReferenceRun(const Graph& graph) : graph_(&graph), activations_(graph.tensors.size()) {
  validate(graph);
  for (size_t id = 0; id < graph.tensors.size(); ++id) {
    if (!graph.tensors[id].is_constant()) activations_[id].resize(graph.tensors[id].bytes());
  }
  for (const Node& node : graph.nodes) {
    Step step;
    step.call = kernel_call(graph, node);
    step.execute = Step::kernel_of(graph, node);
    for (const TensorId id : node.inputs) {
      const Tensor& tensor = graph.tensor(id);
      if (tensor.is_constant() && tensor.type == DataType::kInt4) {
        step.unpacked = int8_values(tensor);
        step.inputs.push_back(reinterpret_cast<const std::byte*>(step.unpacked.data()));
      } else {
        step.inputs.push_back(bytes(id).data());
      }
    }
    step.output = activations_[static_cast<size_t>(node.outputs[0])].data();
    steps_.push_back(std::move(step));
  }
}

ReferenceRun::~ReferenceRun() = default;
ReferenceRun::ReferenceRun(ReferenceRun&&) noexcept = default;
ReferenceRun& ReferenceRun::operator=(ReferenceRun&&) noexcept = default;

void ReferenceRun::run(std::span<const std::span<const std::byte>> inputs) {
  assert(inputs.size() == graph_->inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::vector<std::byte>& activation = activations_[static_cast<size_t>(graph_->inputs[i])];
    assert(inputs[i].size() == activation.size());
    std::memcpy(activation.data(), inputs[i].data(), activation.size());
  }
  for (const Step& step : steps_) step.execute(step);
}

std::span<const std::byte> ReferenceRun::bytes(TensorId tensor) const {
  const Tensor& t = graph_->tensor(tensor);
  if (t.is_constant()) return *t.data;
  return activations_.at(static_cast<size_t>(tensor));
}

}  // namespace thimble
