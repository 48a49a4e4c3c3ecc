#include "deploy/neon_kernels.h"

#include <algorithm>
#include <cstring>

namespace thimble::deploy {
namespace {

// As in kernels/neon/tile_s8.h.
constexpr size_t kChannels = 4;
constexpr size_t kStep = 16;
constexpr size_t kPixels = 4;
/// Channels of a vector of int8, which depthwise convolutions, pools and means work on.
constexpr int32_t kVector = 16;

size_t padded(size_t extent, size_t multiple) { return (extent + multiple - 1) / multiple * multiple; }

/// (O, taps) in blocks of four output channels, and in each in steps of 16 taps; zeros where there are none.
WeightLayout blocks_of_four_channels(const Tensor& tensor) {
  const std::vector<int8_t> weights = int8_values(tensor);
  const auto channels = static_cast<size_t>(tensor.shape[0]);
  const size_t taps = weights.size() / channels;
  const size_t steps = padded(taps, kStep) / kStep;
  WeightLayout layout{
      "neon_blocks_of_four_channels", "int8_t", {}, padded(channels, kChannels) * steps * kStep};
  layout.elements.resize(layout.bytes);
  for (size_t o = 0; o < channels; ++o) {
    for (size_t tap = 0; tap < taps; ++tap) {
      const size_t block = o / kChannels * steps + tap / kStep;
      layout.elements[(block * kChannels + o % kChannels) * kStep + tap % kStep] = weights[o * taps + tap];
    }
  }
  return layout;
}

/// A layout's weights of 4 bits, two to a byte (kernels/generic/nibbles.h)
WeightLayout in_nibbles(const WeightLayout& layout) {
  const std::vector<int8_t> values(layout.elements.begin(), layout.elements.end());
  WeightLayout packed{layout.name + "_in_nibbles", "uint8_t", {}, 0};
  for (const std::byte byte : packed_int4(values)) packed.elements.push_back(std::to_integer<int64_t>(byte));
  packed.bytes = packed.elements.size();
  return packed;
}

WeightLayout as_they_are(const Tensor& tensor) {
  const std::vector<int8_t> weights = int8_values(tensor);
  return {"neon", "int8_t", {weights.begin(), weights.end()}, weights.size()};
}

KernelName named(std::string_view op, std::string_view type = "s8") {
  return {std::string("thimble_").append(op).append("_neon_").append(type),
          std::string("neon/").append(op).append("_").append(type).append(".h")};
}

/// A kernel for weights of 8 bits as that for 4: they lie as nibbles, and are unpacked once to scratch,
/// behind the kernel's own.
KernelChoice with_nibbles(KernelChoice choice, std::string_view op, const Tensor& weights) {
  const auto layout = choice.layout ? choice.layout : as_they_are;
  choice.kernel = named(op, "s4");
  choice.scratch_bytes += layout(weights).elements.size();
  choice.layout = [layout](const Tensor& tensor) { return in_nibbles(layout(tensor)); };
  choice.why += ", unpacked first";
  return choice;
}

/// Two products of an int8 and such a weight fit an int16.
bool pairs_fit_int16(const Tensor& weights) {
  if (weights.type == DataType::kInt4) return true;
  const auto values = weights.values<int8_t>();
  return std::ranges::find(values, INT8_MIN) == values.end();
}

class Chooser {
 public:
  Chooser(const Graph& graph, const Node& node)
      : graph_(graph), node_(node), call_(kernel_call(graph, node)) {}

  std::optional<KernelChoice> choose() const {
    const bool weighted = node_.inputs.size() > 1 && graph_.tensor(node_.inputs[1]).is_constant();
    if (graph_.tensor(node_.inputs[0]).type != DataType::kInt8 ||
        graph_.tensor(node_.outputs[0]).type != DataType::kInt8)
      return std::nullopt;
    if (std::holds_alternative<Conv2D>(node_.op) && weighted) {
      return in_width("conv2d", conv2d(std::get<thimble_conv2d_parameters>(call_.parameters)));
    }
    if (std::holds_alternative<DepthwiseConv2D>(node_.op) && weighted) {
      return in_width("depthwise_conv2d",
                      depthwise(std::get<thimble_depthwise_conv2d_parameters>(call_.parameters)));
    }
    if (std::holds_alternative<FullyConnected>(node_.op) && weighted) {
      return in_width("fully_connected",
                      fully_connected(std::get<thimble_fully_connected_parameters>(call_.parameters)));
    }
    if (std::holds_alternative<Add>(node_.op)) return add();
    if (std::holds_alternative<AveragePool2D>(node_.op)) return pool("average_pool2d");
    if (std::holds_alternative<MaxPool2D>(node_.op)) return pool("max_pool2d");
    if (std::holds_alternative<Mean>(node_.op)) {
      if (std::get<thimble_mean_parameters>(call_.parameters).inner < kVector) return std::nullopt;
      return KernelChoice{named("mean"), 0, {}, {}, {}, "sums of sixteen channels at a time"};
    }
    return std::nullopt;
  }

 private:
  /// Whether an output channel's factor is 1 or more, as a kernel's extent.
  int32_t has_left_shift() const {
    return std::ranges::any_of(call_.shifts, [](int32_t shift) { return shift > 0; }) ? 1 : 0;
  }

  const Tensor& weights() const { return graph_.tensor(node_.inputs[1]); }

  std::optional<KernelChoice> in_width(std::string_view op, std::optional<KernelChoice> choice) const {
    if (!choice || weights().type != DataType::kInt4) return choice;
    return with_nibbles(std::move(*choice), op, weights());
  }

  std::optional<KernelChoice> conv2d(const thimble_conv2d_parameters& p) const {
    if (p.groups != 1 || !pairs_fit_int16(weights())) return std::nullopt;
    const auto channels = static_cast<size_t>(p.output_c);
    const size_t taps = weights().elements() / channels;
    return KernelChoice{named("conv2d"),
                        padded(channels, kChannels) * sizeof(int32_t) + kPixels * padded(taps, kStep),
                        {has_left_shift()},
                        blocks_of_four_channels,
                        {},
                        "dot products of four pixels and four channels at a time"};
  }

  std::optional<KernelChoice> fully_connected(const thimble_fully_connected_parameters& p) const {
    if (!pairs_fit_int16(weights())) return std::nullopt;
    return KernelChoice{named("fully_connected"),
                        padded(static_cast<size_t>(p.output_n), kChannels) * sizeof(int32_t) +
                            padded(static_cast<size_t>(p.input_n), kStep),
                        {has_left_shift()},
                        blocks_of_four_channels,
                        {},
                        "dot products of four channels at a time"};
  }

  std::optional<KernelChoice> depthwise(const thimble_depthwise_conv2d_parameters& p) const {
    if (p.multiplier != 1 || p.input_c < kVector || !pairs_fit_int16(weights())) return std::nullopt;
    const auto taps = static_cast<size_t>(p.kernel_h * p.kernel_w);
    const auto channels = static_cast<size_t>(p.input_c);
    // An address is 8 bytes on AArch64; 4 more, so that the addresses can be aligned.
    return KernelChoice{named("depthwise_conv2d"),
                        4 + 8 * taps + (sizeof(int32_t) + 1) * channels,
                        {has_left_shift()},
                        {},
                        {},
                        "two taps of sixteen channels at a time"};
  }

  std::optional<KernelChoice> add() const {
    const Shape& shape = graph_.tensor(node_.outputs[0]).shape;
    for (const TensorId id : node_.inputs) {
      if (graph_.tensor(id).shape != shape) return std::nullopt;
    }
    if (graph_.tensor(node_.outputs[0]).elements() < static_cast<size_t>(kVector)) return std::nullopt;
    return KernelChoice{named("add"), 0, {}, {}, {}, "sixteen elements at a time", {{0, 0}, {1, 0}}};
  }

  std::optional<KernelChoice> pool(std::string_view op) const {
    if (std::get<thimble_pool2d_parameters>(call_.parameters).channels < kVector) return std::nullopt;
    return KernelChoice{named(op), 0, {}, {}, {}, "sixteen channels at a time"};
  }

  const Graph& graph_;
  const Node& node_;
  KernelCall call_;
};

}  // namespace

std::optional<KernelChoice> neon_kernel(const Graph& graph, const Node& node) {
  return Chooser(graph, node).choose();
}

}  // namespace thimble::deploy
