#include "deploy/kernel_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "deploy/kernel_overlap.h"
#include "deploy/neon_kernels.h"
#include "kernels/armv7em/depthwise_conv2d_plane_s8.h"
#include "kernels/armv7em/fully_connected_rows.h"

namespace thimble::deploy {
namespace {

// What one layer of kernels/armv7em may take of scratch to share the widening of weights among output rows,
// and how many places should share it.
constexpr int32_t kSharingScratchBytes = 12 * 1024;
constexpr int32_t kSharingPlaces = 24;
constexpr int32_t kPointwiseScratchBytes = 4 * 1024;

/// Whether a core has the DSP extension of ARMv7E-M.
bool has_dsp(std::string_view core) { return core.starts_with("cortex-m4") || core.starts_with("cortex-m7"); }

/// The largest magnitude that a sum of each output channel can reach, and the bias's: inputs with their
/// offset are at most 255.
struct SumBound {
  int64_t sum = 0;
  int64_t with_bias = 0;
};

SumBound sum_bound(const Tensor& weights, const Tensor* bias) {
  const std::vector<int8_t> values = int8_values(weights);
  const size_t channels = static_cast<size_t>(weights.shape[0]);
  const size_t taps = values.size() / channels;
  SumBound bound;
  for (size_t o = 0; o < channels; ++o) {
    int64_t sum = 0;
    for (size_t i = 0; i < taps; ++i) sum += 255 * std::abs(int64_t{values[o * taps + i]});
    bound.sum = std::max(bound.sum, sum);
    const int64_t offset = bias != nullptr ? std::abs(int64_t{bias->values<int32_t>()[o]}) : 0;
    bound.with_bias = std::max(bound.with_bias, sum + offset);
  }
  return bound;
}

/// The extents that kernels/armv7em/conv2d_tiled.h computes of the same parameters.
struct TiledExtents {
  int32_t column = 0;
  int32_t groups = 0;
  int32_t row = 0;
};

TiledExtents tiled_extents(const thimble_conv2d_parameters& p) {
  const int32_t step = std::min(p.stride_w, p.kernel_w);
  TiledExtents e;
  e.column = (p.kernel_h * p.input_c + 1) / 2;
  e.groups = (p.kernel_w * e.column + 1) / 2;
  e.row = ((p.output_w - 1) * step + p.kernel_w) * e.column + 1;
  return e;
}

/// The weights of a convolution in tiles of four output channels: a word of four taps for each channel, group
/// by group (kernels/armv7em/tile_s8.h). Taps are in the order of a window's run: by column, row, channel.
/// Where input channels come in fours, SXTB16 brings a word's bytes into the order of the widened inputs by
/// itself; where not, inputs lie in their own order and the bytes are exchanged here.
WeightLayout tiled_layout(const Tensor& weights, const thimble_conv2d_parameters& p) {
  const std::vector<int8_t> values = int8_values(weights);
  const TiledExtents e = tiled_extents(p);
  const bool narrow = weights.type == DataType::kInt4;
  const bool in_fours = p.input_c % 4 == 0;
  const auto tap = [&](int32_t o, int32_t at) -> uint32_t {
    const int32_t column = at / (2 * e.column);
    const int32_t row = at % (2 * e.column) / p.input_c;
    const int32_t channel = at % (2 * e.column) % p.input_c;
    if (o >= p.output_c || column >= p.kernel_w || row >= p.kernel_h) return 0;
    const int32_t index = ((o * p.kernel_h + row) * p.kernel_w + column) * p.input_c + channel;
    return static_cast<uint8_t>(values[static_cast<size_t>(index)]);
  };
  const auto word = [&](int32_t o, int32_t group) {
    const uint32_t t0 = tap(o, 4 * group);
    const uint32_t t1 = tap(o, 4 * group + 1);
    const uint32_t t2 = tap(o, 4 * group + 2);
    const uint32_t t3 = tap(o, 4 * group + 3);
    return in_fours ? t0 | t1 << 8 | t2 << 16 | t3 << 24 : t0 | t2 << 8 | t1 << 16 | t3 << 24;
  };
  constexpr uint32_t kLowNibbles = 0x0F0F0F0F;
  WeightLayout layout{.name = narrow ? "tiles_of_4_bits" : "tiles", .c_type = "uint32_t", .elements = {}};
  for (int32_t o = 0; o < p.output_c; o += 4) {
    for (int32_t g = 0; g < e.groups; g += narrow ? 2 : 1) {
      for (int32_t i = o; i < o + 4; ++i) {
        layout.elements.push_back(narrow ? (word(i, g) & kLowNibbles) |
                                               (g + 1 < e.groups ? (word(i, g + 1) & kLowNibbles) << 4 : 0)
                                         : word(i, g));
      }
    }
  }
  layout.bytes = layout.elements.size() * sizeof(uint32_t);
  return layout;
}

/// A kernel of kernels/armv7em for a convolution, or why there is none.
struct Offer {
  std::vector<KernelChoice> choices;
  std::string why_none;
};

Offer tiled_convolution(const Graph& graph, const Node& node) {
  const KernelCall call = kernel_call(graph, node);
  thimble_conv2d_parameters p = std::get<thimble_conv2d_parameters>(call.parameters);
  if (p.groups > 1) return {{}, "groups have no faster kernel"};
  if (p.dilation_h > 1 || p.dilation_w > 1) return {{}, "dilated windows have no faster kernel"};
  // Portable C is faster than a tile of which three quarters are empty (bench/kernels.cpp).
  if (p.output_c == 1) return {{}, "one output channel does not fill a tile of 4"};
  const Tensor& weights = graph.tensor(node.inputs[1]);
  const Tensor* const bias = node.inputs.size() > 2 ? &graph.tensor(node.inputs[2]) : nullptr;
  if (!weights.is_constant() || (bias != nullptr && !bias->is_constant())) {
    return {{}, "weights that are not constant have no faster kernel"};
  }
  const bool narrow = weights.type == DataType::kInt4;
  const SumBound bound = sum_bound(weights, bias);
  if (narrow && bound.sum >= int64_t{1} << 27) return {{}, "its sums are too large for a faster kernel"};
  const bool simple = bound.with_bias < int64_t{1} << 29 &&
                      std::ranges::all_of(call.shifts, [](int32_t shift) { return shift < 0; });

  const TiledExtents e = tiled_extents(p);
  const int32_t tile = 8 * (narrow ? (e.groups + 1) / 2 * 2 : e.groups);
  const bool pointwise = p.kernel_h == 1 && p.kernel_w == 1 && p.stride_h == 1 && p.stride_w == 1 &&
                         p.pad_top == 0 && p.pad_left == 0 && p.output_h == p.input_h &&
                         p.output_w == p.input_w;
  const std::string type = narrow ? "s4" : "s8";
  const std::string rounding = simple ? "" : "; its scales need the longer rounding";
  KernelChoice choice;
  choice.layout = [p](const Tensor& w) { return tiled_layout(w, p); };
  if (pointwise) {
    const int32_t affordable = std::max(kPointwiseScratchBytes / (4 * e.column) / 2 * 2, 2);
    const int32_t block = std::min(affordable, p.output_h * p.output_w);
    choice.kernel = {"thimble_conv2d_pointwise_" + type, "armv7em/conv2d_pointwise_" + type + ".h"};
    choice.scratch_bytes = 4 * static_cast<size_t>(block * e.column + 1 + tile);
    SlidingWindow places = sliding_window(p, 1);
    places.input_w = places.output_w = p.output_h * p.output_w;
    places.input_h = places.output_h = 1;
    choice.overlaps = {{0, window_lead(places, Reads::kBeforeWriting, {.pixels = block})}};
    choice.extents = {block, simple ? 1 : 0};
    choice.why = fmt::format("tiles of 4 channels by 2 places with SMLAD, {} places for one widening{}",
                             block, rounding);
    return {{std::move(choice)}, ""};
  }
  int32_t rows = std::clamp((kSharingPlaces + p.output_w - 1) / p.output_w, 1, p.output_h);
  while (rows > 1 && 4 * (rows * e.row + tile) > kSharingScratchBytes) --rows;
  choice.kernel = {"thimble_conv2d_tiled_" + type, "armv7em/conv2d_tiled_" + type + ".h"};
  choice.scratch_bytes = 4 * static_cast<size_t>(rows * e.row + tile);
  const Reads reads = rows == 1 ? Reads::kRowsOnce : Reads::kBeforeWriting;
  choice.overlaps = {{0, window_lead(sliding_window(p, 1), reads, {.rows = rows})}};
  choice.extents = {rows, simple ? 1 : 0};
  choice.why = fmt::format("tiles of 4 channels by 2 places with SMLAD, {} output row{} for one widening{}",
                           rows, rows == 1 ? "" : "s", rounding);
  return {{std::move(choice)}, ""};
}

/// What a channel takes by planes, and in portable C: a fit to counts over windows of 1x3 to 7x7, 1 to 576
/// outputs, strides 1 to 3.
int64_t plane_instructions(const thimble_depthwise_conv2d_parameters& p) {
  const int64_t taps = int64_t{p.kernel_h} * p.kernel_w;
  const int64_t outputs = int64_t{p.output_h} * p.output_w;
  return 100 + 10 * taps + 4 * int64_t{p.input_h} * p.input_w + outputs * (15 + 3 * taps);
}

int64_t portable_instructions(const thimble_depthwise_conv2d_parameters& p) {
  return int64_t{p.output_h} * p.output_w * (38 + 4 * int64_t{p.kernel_h} * p.kernel_w);
}

/// A depthwise convolution by channels: kernels/armv7em/depthwise_conv2d_plane_s8.h.
Offer plane_depthwise(const Graph& graph, const Node& node) {
  const KernelCall call = kernel_call(graph, node);
  const auto p = std::get<thimble_depthwise_conv2d_parameters>(call.parameters);
  if (p.multiplier > 1) return {{}, "several outputs of a channel have no faster kernel"};
  if (p.dilation_h > 1 || p.dilation_w > 1) return {{}, "dilated windows have no faster kernel"};
  if (plane_instructions(p) >= portable_instructions(p))
    return {{}, "copying a channel costs more than it saves on so few outputs"};
  const Tensor& weights = graph.tensor(node.inputs[1]);
  const Tensor* const bias = node.inputs.size() > 2 ? &graph.tensor(node.inputs[2]) : nullptr;
  if (!weights.is_constant() || (bias != nullptr && !bias->is_constant()))
    return {{}, "weights that are not constant have no faster kernel"};
  const std::vector<int8_t> values = int8_values(weights);
  const auto channels = static_cast<size_t>(p.input_c);
  for (size_t c = 0; c < channels; ++c) {
    int64_t bound = bias != nullptr ? std::abs(int64_t{bias->values<int32_t>()[c]}) : 0;
    for (size_t i = c; i < values.size(); i += channels) bound += 255 * std::abs(int64_t{values[i]});
    if (bound >= int64_t{1} << 30 || call.shifts[c] >= 0)
      return {{}, "its scales or sums are too large for the faster kernel's rounding"};
  }
  KernelChoice choice;
  choice.kernel = {"thimble_depthwise_conv2d_plane_s8", "armv7em/depthwise_conv2d_plane_s8.h"};
  choice.scratch_bytes = static_cast<size_t>(thimble_depthwise_conv2d_plane_s8_scratch_bytes(&p));
  choice.why = "a channel at a time, two taps with SMLAD";
  return {{std::move(choice)}, ""};
}

/// The weights of a dense layer in groups of four inputs (kernels/armv7em/fully_connected_rows.h).
WeightLayout rows_layout(const Tensor& weights) {
  const std::vector<int8_t> values = int8_values(weights);
  const int32_t outputs = weights.shape[0];
  const int32_t inputs = weights.shape[1];
  const bool narrow = weights.type == DataType::kInt4;
  const auto group = [&](int32_t o, int32_t i) {
    uint32_t bytes = 0;
    for (int32_t k = 0; k < 4 && i + k < inputs; ++k) {
      const auto byte = static_cast<uint8_t>(values[static_cast<size_t>(o * inputs + i + k)]);
      bytes |= uint32_t{byte} << (8 * k);
    }
    return narrow ? bytes & 0x0F0F0F0FU : bytes;
  };
  WeightLayout layout{
      .name = narrow ? "rows_of_4_bits" : "rows", .c_type = "uint32_t", .elements = {}, .bytes = 0};
  int32_t together = 0;
  for (int32_t o = 0; o < outputs; o += together) {
    together = outputs - o >= 4 ? 4 : 1;
    for (int32_t i = 0; i < inputs; i += narrow ? 8 : 4) {
      for (int32_t k = o; k < o + together; ++k) {
        layout.elements.push_back(narrow ? group(k, i) | group(k, i + 4) << 4 : group(k, i));
      }
    }
  }
  layout.bytes = layout.elements.size() * sizeof(uint32_t);
  return layout;
}

/// A dense layer by rows of weights: kernels/armv7em/fully_connected_rows.h.
Offer rows_dense(const Graph& graph, const Node& node) {
  const KernelCall call = kernel_call(graph, node);
  const auto p = std::get<thimble_fully_connected_parameters>(call.parameters);
  const Tensor& weights = graph.tensor(node.inputs[1]);
  if (!weights.is_constant()) return {{}, "weights that are not constant have no faster kernel"};
  const bool narrow = weights.type == DataType::kInt4;
  if (narrow && sum_bound(weights, nullptr).sum >= int64_t{1} << 27)
    return {{}, "its sums are too large for a faster kernel"};
  const std::string type = narrow ? "s4" : "s8";
  KernelChoice choice;
  choice.kernel = {"thimble_fully_connected_rows_" + type, "armv7em/fully_connected_rows_" + type + ".h"};
  choice.scratch_bytes = sizeof(uint32_t) * static_cast<size_t>(thimble_fully_connected_rows_scratch(&p));
  choice.layout = rows_layout;
  choice.why = "four rows of weights at a time with SMLAD, the inputs widened once";
  return {{std::move(choice)}, ""};
}

/// What kernels/armv7em has for a node, best first.
Offer armv7em_offer(const Graph& graph, const Node& node) {
  if (graph.tensor(node.inputs.at(0)).type != DataType::kInt8) return {{}, ""};
  if (std::holds_alternative<Conv2D>(node.op)) return tiled_convolution(graph, node);
  if (std::holds_alternative<DepthwiseConv2D>(node.op)) return plane_depthwise(graph, node);
  if (std::holds_alternative<FullyConnected>(node.op)) return rows_dense(graph, node);
  return {{}, ""};
}

}  // namespace

std::vector<KernelChoice> kernel_candidates(const Graph& graph, const Node& node, std::string_view core) {
  Offer offer;
  if (has_dsp(core)) offer = armv7em_offer(graph, node);
  std::vector<KernelChoice> candidates = std::move(offer.choices);
  if (core == "cortex-a72") {
    if (auto neon = neon_kernel(graph, node)) candidates.push_back(std::move(*neon));
  }
  KernelChoice generic;
  generic.kernel = generic_kernel(graph, node);
  generic.overlaps = portable_overlaps(graph, node);
  generic.why = offer.why_none.empty() ? "portable C" : "portable C: " + offer.why_none;
  candidates.push_back(std::move(generic));
  return candidates;
}

std::vector<KernelChoice> choose_kernels(const Graph& graph, std::string_view core) {
  std::vector<KernelChoice> choices;
  choices.reserve(graph.nodes.size());
  for (const Node& node : graph.nodes) choices.push_back(kernel_candidates(graph, node, core).front());
  return choices;
}

std::vector<NodeMemory> memory_of(std::span<const KernelChoice> choices) {
  std::vector<NodeMemory> memory;
  for (const KernelChoice& choice : choices) memory.push_back({choice.scratch_bytes, choice.overlaps});
  return memory;
}

}  // namespace thimble::deploy
