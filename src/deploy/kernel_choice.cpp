#include "deploy/kernel_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "deploy/kernel_overlap.h"
#include "deploy/neon_kernels.h"
#include "deploy/scalar_kernels.h"
#include "deploy/sum_bound.h"
#include "graph/quantize_from_ranges.h"
#include "kernels/armv7em/conv2d_tiled.h"
#include "kernels/armv7em/conv2d_winograd.h"
#include "kernels/armv7em/depthwise_conv2d_plane.h"
#include "kernels/armv7em/fully_connected_rows.h"

namespace thimble::deploy {
namespace {

// What one layer of kernels/armv7em may take of scratch to share the widening of weights among places of the
// image, and how many places of whole rows should share it; and the same where it makes the arena no larger.
constexpr int32_t kSharingScratchBytes = 12 * 1024;
constexpr int32_t kSharingPlaces = 24;
constexpr int32_t kFreeScratchBytes = 48 * 1024;
constexpr int32_t kFreePlaces = 96;
constexpr int32_t kWinogradTiles = 6;

/// Whether a core has the DSP extension of ARMv7E-M.
bool has_dsp(std::string_view core) { return core.starts_with("cortex-m4") || core.starts_with("cortex-m7"); }

/// The weights of a convolution in tiles of four output channels: a word of four taps for each channel, group
/// by group (kernels/armv7em/tile_s8.h). Taps are in the order of a window's run: by column, row, channel.
/// Where input channels come in fours, SXTB16 brings a word's bytes into the order of the widened inputs by
/// itself; where not, inputs lie in their own order and the bytes are exchanged here.
WeightLayout tiled_layout(const Tensor& weights, const thimble_conv2d_parameters& p) {
  const std::vector<int8_t> values = int8_values(weights);
  const thimble_conv2d_tiled_extents e = thimble_conv2d_tiled_extents_of(&p);
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

/// Nine words of four input channels for each group of these and each of four output channels
/// (kernels/armv7em/conv2d_winograd.h); with 4 bits, nine for two groups, the first in the low nibbles.
WeightLayout winograd_layout(const Tensor& weights) {
  const std::vector<int8_t> values = int8_values(weights);
  const int32_t output_c = weights.shape[0];
  const int32_t input_c = weights.shape[3];
  const bool narrow = weights.type == DataType::kInt4;
  const auto word = [&](int32_t o, int32_t tap, int32_t channel) {
    uint32_t bytes = 0;
    if (o >= output_c || channel >= input_c) return bytes;
    for (int32_t k = 0; k < 4; ++k) {
      const auto index = static_cast<size_t>((o * 9 + tap) * input_c + channel + k);
      bytes |= uint32_t{static_cast<uint8_t>(values[index])} << (8 * k);
    }
    return narrow ? bytes & 0x0F0F0F0FU : bytes;
  };
  WeightLayout layout{
      .name = narrow ? "winograd_of_4_bits" : "winograd", .c_type = "uint32_t", .elements = {}};
  for (int32_t o = 0; o < output_c; o += 4) {
    for (int32_t c = 0; c < input_c; c += narrow ? 8 : 4) {
      for (int32_t i = o; i < o + 4; ++i) {
        for (int32_t tap = 0; tap < 9; ++tap) {
          layout.elements.push_back(narrow ? word(i, tap, c) | word(i, tap, c + 4) << 4 : word(i, tap, c));
        }
      }
    }
  }
  layout.bytes = layout.elements.size() * sizeof(uint32_t);
  return layout;
}

/// Two weights of 4 bits to a byte, the first in the low nibble (kernels/generic/nibbles.h).
WeightLayout nibbles(const Tensor& weights) {
  const std::vector<int8_t> values = int8_values(weights);
  WeightLayout layout{.name = "nibbles", .c_type = "uint8_t", .elements = {}};
  for (size_t i = 0; i < values.size(); i += 2) {
    const int high = i + 1 < values.size() ? values[i + 1] : 0;
    layout.elements.push_back((values[i] & 0xF) | (high & 0xF) << 4);
  }
  layout.bytes = layout.elements.size();
  return layout;
}

/// The portable kernel of a node. Weights of 4 bits lie as nibbles in flash, and some are unpacked at a time.
KernelChoice portable_kernel(const Graph& graph, const Node& node) {
  KernelChoice choice;
  choice.kernel = generic_kernel(graph, node);
  choice.overlaps = portable_overlaps(graph, node);
  choice.in_place = portable_in_place(node);
  choice.why = "portable C";
  if (!has_weights(node.op)) return choice;
  const Tensor& weights = graph.tensor(node.inputs[1]);
  if (weights.type != DataType::kInt4 || !weights.is_constant()) return choice;
  if (graph.tensor(node.outputs[0]).type == DataType::kInt16) {
    choice.why += ": beside int16 activations, weights of 4 bits lie a byte each";
    return choice;
  }
  const bool all_at_once = std::holds_alternative<DepthwiseConv2D>(node.op);
  const size_t channels = all_at_once ? 1 : static_cast<size_t>(weights.shape[0]);
  choice.scratch_bytes = weights.elements() / channels * std::min<size_t>(channels, 4);
  choice.layout = nibbles;
  for (std::string* const name : {&choice.kernel.function, &choice.kernel.header}) {
    name->replace(name->rfind("s8"), 2, "s4");
  }
  return choice;
}

/// A kernel of kernels/armv7em for a convolution, or why there is none.
struct Offer {
  std::vector<KernelChoice> choices;
  std::string why_none;
};

/// thimble_tile_output's
std::vector<int32_t> tile_factors(const KernelCall& call, const Tensor* bias, bool simple) {
  std::vector<int32_t> factors;
  for (size_t o = 0; o < call.multipliers.size(); ++o) {
    const int32_t start = bias != nullptr ? bias->values<int32_t>()[o] : 0;
    factors.insert(factors.end(), {simple ? 2 * start : start, call.multipliers[o],
                                   simple ? -call.shifts[o] - 1 : call.shifts[o]});
  }
  return factors;
}

/// The blocks of places that a pointwise convolution may take at a time, the fastest first: even, because
/// places are taken in pairs.
std::vector<int32_t> pointwise_blocks(int32_t places, int32_t place_bytes) {
  std::vector<int32_t> blocks;
  const int32_t most = std::clamp(kFreeScratchBytes / place_bytes / 2 * 2, 2, std::max(places, 2));
  for (int32_t count = (places + most - 1) / most; count <= places; ++count) {
    const int32_t even = ((places + count - 1) / count + 1) / 2 * 2;
    const int32_t block = std::min(even, places);
    if (blocks.empty() || block < blocks.back()) blocks.push_back(block);
  }
  return blocks;
}

/// What widening the inputs of a tiled convolution takes in cycles: the columns of a row are shifted and
/// completed, or each row's are filled anew.
int64_t filling(const thimble_conv2d_parameters& p, const thimble_conv2d_tiled_extents& e, int32_t rows) {
  const bool shifted = rows == 1 && p.stride_h < p.kernel_h;
  const int64_t fill = int64_t{shifted ? p.stride_h : p.kernel_h} * (12 + 3 * int64_t{p.input_c} / 2);
  const int64_t shift = shifted ? 3 * int64_t{p.kernel_h - p.stride_h} * p.input_c / 2 : 0;
  return int64_t{p.output_h} * e.columns * (fill + shift);
}

/// The blocks of tiles in which Winograd's algorithm may compute a convolution, as rows and columns of tiles:
/// several rows, or parts of one row, of even lengths because tiles are taken in pairs.
std::vector<std::pair<int32_t, int32_t>> winograd_blocks(int32_t tile_rows, int32_t tile_columns) {
  std::vector<std::pair<int32_t, int32_t>> blocks;
  for (int32_t count = 1; count <= tile_rows; ++count) {
    const int32_t rows = (tile_rows + count - 1) / count;
    if (blocks.empty() || rows < blocks.back().first) blocks.emplace_back(rows, tile_columns);
  }
  for (int32_t count = 2; count < tile_columns; ++count) {
    const int32_t columns = ((tile_columns + count - 1) / count + 1) / 2 * 2;
    if (columns < blocks.back().second) blocks.emplace_back(1, columns);
  }
  return blocks;
}

/// By Winograd's algorithm: kernels/armv7em/conv2d_winograd.h. `p` is of a convolution that the tiled kernel
/// can compute.
std::vector<KernelChoice> winograd_convolution(const thimble_conv2d_parameters& p, bool narrow,
                                               std::vector<int32_t> factors) {
  if (p.kernel_h != 3 || p.kernel_w != 3 || p.stride_h != 1 || p.stride_w != 1 || p.input_c % 4 != 0) {
    return {};
  }
  const std::string type = narrow ? "s4" : "s8";
  KernelChoice choice;
  choice.kernel = {"thimble_conv2d_winograd_" + type, "armv7em/conv2d_winograd_" + type + ".h"};
  choice.layout = winograd_layout;
  choice.factors = std::move(factors);
  const int64_t groups = p.input_c / 4;
  const int64_t quarters = (p.output_c + 3) / 4;
  const int32_t tile_rows = (p.output_h + 1) / 2;
  const int32_t tile_columns = (p.output_w + 1) / 2;
  // Estimates from the instructions, within 2 % of what ResNet-8's layers take. Tiles at the image's edge are
  // copied first; those that end beyond it are finished in C.
  const int64_t tiles = int64_t{tile_rows} * tile_columns;
  const int64_t inner = int64_t{std::max(tile_rows - 2, 0)} * std::max(tile_columns - 2, 0);
  const int64_t whole = int64_t{p.output_h / 2} * (p.output_w / 2);
  const int64_t inputs = tiles * (60 + 190 * groups) + (tiles - inner) * (200 + 45 * groups);
  const int64_t turns = thimble_winograd_turns(p.input_c / 4);
  const int64_t position = 17 + 32 * groups + (turns > 1 ? 9 + 9 * turns : 0);
  const int64_t pair = 16 * position + 8 * 95;
  std::vector<KernelChoice> choices;
  for (const auto& [rows, columns] : winograd_blocks(tile_rows, tile_columns)) {
    choice.scratch_bytes = 4 * static_cast<size_t>(thimble_conv2d_winograd_scratch(&p, rows * columns));
    if (choice.scratch_bytes > size_t{kFreeScratchBytes}) continue;
    choice.only_if_free =
        choice.scratch_bytes > size_t{kSharingScratchBytes} || rows * columns > kWinogradTiles;
    const int32_t blocks = (tile_rows + rows - 1) / rows * ((tile_columns + columns - 1) / columns);
    const int64_t pairs = columns % 2 == 0 || rows == 1 ? int64_t{tile_rows} * ((tile_columns + 1) / 2)
                                                        : int64_t{blocks} * ((rows * columns + 1) / 2);
    choice.cycles =
        inputs + quarters * (pairs * pair + blocks * (40 + 490 * groups) + (tiles - whole) * 4 * 180);
    const bool whole_rows = columns == tile_columns;
    const WindowBlock block{.rows = 2 * rows, .pixels = whole_rows ? 0 : 2 * columns};
    choice.overlaps = {{0, window_lead(sliding_window(p, 1), Reads::kBeforeWriting, block)}};
    choice.extents = {rows, columns};
    choice.why = fmt::format("Winograd's F(2x2, 3x3) with SMLAD, {} tiles for one transform of the weights",
                             rows * columns);
    choices.push_back(choice);
  }
  return choices;
}

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
  const bool simple =
      bound.with_bias < int64_t{1} << 29 &&
      std::ranges::all_of(call.shifts, [](int32_t shift) { return shift < 0 && shift >= -22; });

  const thimble_conv2d_tiled_extents e = thimble_conv2d_tiled_extents_of(&p);
  const int32_t groups = narrow ? (e.groups + 1) / 2 * 2 : e.groups;
  const std::string type = narrow ? "s4" : "s8";
  const std::string rounding = simple ? "" : "; its scales need the longer rounding";
  const int32_t tile = 8 * groups;
  const int64_t tiles = (p.output_c + 3) / 4;
  const int64_t widening = tiles * (25 + int64_t{narrow ? 28 : 24} * groups);
  const int64_t products = tiles * p.output_h * p.output_w * (17 * int64_t{e.groups} + 4 * 25);
  KernelChoice choice;
  choice.layout = [p](const Tensor& w) { return tiled_layout(w, p); };
  choice.factors = tile_factors(call, bias, simple);
  std::vector<KernelChoice> choices;
  if (thimble_conv2d_is_pointwise(&p) != 0) {
    choice.kernel = {"thimble_conv2d_pointwise_" + type, "armv7em/conv2d_pointwise_" + type + ".h"};
    SlidingWindow in_a_row = sliding_window(p, 1);
    const int32_t places = in_a_row.input_w = in_a_row.output_w = p.output_h * p.output_w;
    in_a_row.input_h = in_a_row.output_h = 1;
    for (const int32_t block : pointwise_blocks(places, 4 * e.column)) {
      choice.scratch_bytes = 4 * static_cast<size_t>(block * e.column + 1 + tile);
      choice.overlaps = {{0, window_lead(in_a_row, Reads::kBeforeWriting, {.pixels = block})}};
      choice.extents = {block, simple ? 1 : 0};
      choice.cycles = products + (places + block - 1) / block * widening;
      choice.only_if_free = block > 2 && 4 * block * e.column > kSharingScratchBytes;
      choice.why = fmt::format("tiles of 4 channels by 2 places with SMLAD, {} places for one widening{}",
                               block, rounding);
      choices.push_back(choice);
    }
    return {std::move(choices), ""};
  }
  choice.kernel = {"thimble_conv2d_tiled_" + type, "armv7em/conv2d_tiled_" + type + ".h"};
  const auto rows_of = [&](int32_t places) {
    return std::clamp((places + p.output_w - 1) / p.output_w, 1, p.output_h);
  };
  for (int32_t rows = rows_of(kFreePlaces); rows > 0; --rows) {
    const int32_t bytes = 4 * (rows * e.row + tile);
    if (rows > 1 && bytes > kFreeScratchBytes) continue;
    choice.only_if_free = rows > 1 && (bytes > kSharingScratchBytes || rows > rows_of(kSharingPlaces));
    choice.scratch_bytes = static_cast<size_t>(bytes);
    const Reads reads = rows == 1 ? Reads::kRowsOnce : Reads::kBeforeWriting;
    choice.overlaps = {{0, window_lead(sliding_window(p, 1), reads, {.rows = rows})}};
    choice.extents = {rows, simple ? 1 : 0};
    choice.cycles = products + (p.output_h + rows - 1) / rows * widening + filling(p, e, rows);
    choice.why = fmt::format("tiles of 4 channels by 2 places with SMLAD, {} output row{} for one widening{}",
                             rows, rows == 1 ? "" : "s", rounding);
    choices.push_back(choice);
  }
  if (simple && (!narrow || bound.sum < int64_t{1} << 25)) {
    for (KernelChoice& winograd : winograd_convolution(p, narrow, choice.factors)) {
      choices.push_back(std::move(winograd));
    }
  }
  std::ranges::stable_sort(choices, {}, &KernelChoice::cycles);
  return {std::move(choices), ""};
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
  const bool narrow = weights.type == DataType::kInt4;
  const std::string type = narrow ? "s4" : "s8";
  choice.kernel = {"thimble_depthwise_conv2d_plane_" + type, "armv7em/depthwise_conv2d_plane_" + type + ".h"};
  if (narrow) choice.layout = nibbles;
  choice.scratch_bytes = static_cast<size_t>(thimble_depthwise_conv2d_plane_scratch_bytes(&p));
  choice.why = "a channel at a time, two taps with SMLAD";
  choice.in_place = 0;
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
  if (weights.elements() < 16) return {{}, "so few weights do not pay for widening the inputs"};
  const bool narrow = weights.type == DataType::kInt4;
  if (narrow && sum_bound(weights, nullptr).sum >= int64_t{1} << 27)
    return {{}, "its sums are too large for a faster kernel"};
  const std::string type = narrow ? "s4" : "s8";
  KernelChoice choice;
  choice.kernel = {"thimble_fully_connected_rows_" + type, "armv7em/fully_connected_rows_" + type + ".h"};
  choice.scratch_bytes = sizeof(uint32_t) * static_cast<size_t>(thimble_fully_connected_rows_scratch(&p));
  choice.layout = rows_layout;
  choice.why = "four rows of weights at a time with SMLAD, the inputs widened once";
  choice.overlaps = {{0, window_lead(sliding_window(p, 1), Reads::kBeforeWriting, {.pixels = 1})}};
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
  for (KernelChoice& choice : scalar_kernels(graph, node, core)) candidates.push_back(std::move(choice));
  KernelChoice generic = portable_kernel(graph, node);
  if (!offer.why_none.empty()) generic.why += ": " + offer.why_none;
  candidates.push_back(std::move(generic));
  return candidates;
}

}  // namespace thimble::deploy
