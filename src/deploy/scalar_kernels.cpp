#include "deploy/scalar_kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "deploy/kernel_overlap.h"
#include "deploy/sum_bound.h"
#include "graph/quantize_from_ranges.h"
#include "kernels/mac16/widen_s4.h"
#include "kernels/mac16/widen_s8.h"
#include "kernels/scalar/products_s4.h"
#include "kernels/scalar/products_s8.h"

namespace thimble::deploy {
namespace {

constexpr int32_t kLargestInput = 255;

/// The weights of a layer, each channel's taps in the order of a window.
class Windows {
 public:
  /// `column`: taps of a window's column, those that fill it up behind the layer's own included.
  Windows(const Tensor& weights, const thimble_conv2d_parameters& p, int32_t column)
      : p_(p), column_(column), values_(int8_values(weights)) {}

  /// 0 beyond the layer's channels and taps
  int32_t weight(int32_t o, int32_t tap) const {
    const int32_t column = tap / column_;
    const int32_t row = tap % column_ / p_.input_c;
    if (o >= p_.output_c || column >= p_.kernel_w || row >= p_.kernel_h) return 0;
    const int32_t index =
        ((o * p_.kernel_h + row) * p_.kernel_w + column) * p_.input_c + tap % column_ % p_.input_c;
    return values_[static_cast<size_t>(index)];
  }

 private:
  thimble_conv2d_parameters p_;
  int32_t column_;
  std::vector<int8_t> values_;
};

/// The weights of a layer as kernels/scalar takes them: not negative, in tiles of channels.
class Tiles {
 public:
  Tiles(const Tensor& weights, const thimble_conv2d_parameters& p)
      : p_(p),
        taps_(p.kernel_h * p.kernel_w * p.input_c),
        narrow_(weights.type == DataType::kInt4),
        windows_(weights, p, p.kernel_h * p.input_c) {}

  WeightLayout layout() const {
    WeightLayout layout{.name = narrow_ ? "pairs_of_4_bits" : "pairs", .c_type = "uint32_t", .elements = {}};
    for (int32_t o = 0; o < p_.output_c; o += THIMBLE_SCALAR_CHANNELS)
      narrow_ ? append_narrow(o, layout.elements) : append_wide(o, layout.elements);
    layout.bytes = layout.elements.size() * sizeof(uint32_t);
    return layout;
  }

  /// The taps after which sums are taken out of their halves, in whole turns of the loop: as many as leave
  /// each half within 16 bits. With 8 bits, all.
  int32_t chunk() const {
    constexpr int32_t kTurn = THIMBLE_SCALAR_TURN_S4;
    int32_t chunk = narrow_ ? kTurn : taps_;
    while (chunk < taps_ && fits(chunk + kTurn)) chunk += kTurn;
    return chunk;
  }

 private:
  bool fits(int32_t chunk) const {
    for (int32_t o = 0; o < p_.output_c; ++o) {
      for (int32_t begin = 0; begin < taps_; begin += chunk) {
        int32_t low = 0;
        int32_t high = 0;
        for (int32_t tap = begin; tap < std::min(begin + chunk, taps_); ++tap) {
          const int32_t weight = static_cast<int32_t>(unsigned_weight(o, tap)) - THIMBLE_SCALAR_ZERO_S4;
          (weight < 0 ? low : high) += kLargestInput * weight;
        }
        if (low < INT16_MIN || high > INT16_MAX) return false;
      }
    }
    return true;
  }

  /// 0, too, beyond the layer's channels and taps
  uint32_t unsigned_weight(int32_t o, int32_t tap) const {
    if (o >= p_.output_c || tap >= taps_) return 0;
    return static_cast<uint32_t>(windows_.weight(o, tap) +
                                 (narrow_ ? THIMBLE_SCALAR_ZERO_S4 : THIMBLE_SCALAR_ZERO_S8));
  }

  void append_narrow(int32_t o, std::vector<int64_t>& words) const {
    constexpr std::array<int, THIMBLE_SCALAR_CHANNELS> kNibble = {0, 4, 1, 5};
    for (int32_t tap = 0; tap < taps_; tap += 2) {
      uint32_t word = 0;
      for (int32_t k = 0; k < THIMBLE_SCALAR_CHANNELS; ++k) {
        const int bit = 4 * kNibble[static_cast<size_t>(k)];
        word |= unsigned_weight(o + k, tap) << bit | unsigned_weight(o + k, tap + 1) << (bit + 8);
      }
      words.push_back(word);
    }
  }

  void append_wide(int32_t o, std::vector<int64_t>& words) const {
    uint32_t word = 0;
    int filled = 0;
    for (int32_t pair = o; pair < o + THIMBLE_SCALAR_CHANNELS; pair += 2) {
      for (int32_t i = 0; i < 2 * taps_; ++i) {
        word |= unsigned_weight(pair + i % 2, i / 2) << (8 * filled);
        if (++filled < 4) continue;
        words.push_back(word);
        word = 0;
        filled = 0;
      }
    }
  }

  thimble_conv2d_parameters p_;
  int32_t taps_;
  bool narrow_;
  Windows windows_;
};

/// The weights of a layer as kernels/mac16 takes them, channel by channel.
WeightLayout mac16_layout(const Tensor& weights, const thimble_conv2d_parameters& p) {
  const thimble_windows w = thimble_mac16_windows_of(&p);
  const Windows windows(weights, p, w.column);
  const bool narrow = weights.type == DataType::kInt4;
  const int32_t zero = narrow ? THIMBLE_MAC16_ZERO_S4 : THIMBLE_MAC16_ZERO_S8;
  const int32_t taps = 4 * thimble_mac16_groups(&w);
  const int width = narrow ? 4 : 8;
  // The rows that a window spans follow from the input's width, and so does their layout.
  WeightLayout layout{.name = fmt::format("halves_of_{}_bits_{}_{}", width, w.column, taps),
                      .c_type = "uint32_t",
                      .elements = {}};
  for (int32_t o = 0; o < p.output_c; ++o) {
    for (int32_t begin = 0; begin < taps; begin += 32 / width) {
      uint32_t word = 0;
      for (int32_t pair = 0; pair < 16 / width; ++pair) {
        const int32_t low = windows.weight(o, begin + 2 * pair);
        const int32_t high = windows.weight(o, begin + 2 * pair + 1) + (low < 0 ? 1 : 0);
        word |= static_cast<uint32_t>(low + zero) << (width * pair);
        word |= static_cast<uint32_t>(high + zero) << (width * pair + 16);
      }
      layout.elements.push_back(word);
    }
  }
  layout.bytes = layout.elements.size() * sizeof(uint32_t);
  return layout;
}

/// thimble_conv2d_windows's and thimble_conv2d_mac16's. `offset`: what is to be added to inputs still.
std::vector<int32_t> factors_of(const KernelCall& call, const Tensor& weights, const Tensor* bias,
                                int32_t offset, bool simple) {
  const std::vector<int8_t> values = int8_values(weights);
  const size_t taps = values.size() / call.multipliers.size();
  std::vector<int32_t> factors;
  for (size_t o = 0; o < call.multipliers.size(); ++o) {
    uint32_t start = bias != nullptr ? static_cast<uint32_t>(bias->values<int32_t>()[o]) : 0;
    for (size_t i = o * taps; i < (o + 1) * taps; ++i) start += static_cast<uint32_t>(offset * values[i]);
    factors.insert(factors.end(), {static_cast<int32_t>(simple ? 2 * start : start), call.multipliers[o],
                                   simple ? -call.shifts[o] - 1 : call.shifts[o]});
  }
  return factors;
}

/// Whether a layer takes fewer cycles with kernels/scalar than in portable C, by counts over the shapes of
/// bench/kernels.cpp: an RV32, which loads bytes with their sign and has registers for eight sums, gains with
/// 4 bits alone; a tile that is half empty, or windows that share no columns, lose.
bool scalar_pays(std::string_view core, const thimble_conv2d_parameters& p, bool narrow) {
  if (core == "rv32imc" && !narrow) return false;
  const int32_t tiles = (p.output_c + THIMBLE_SCALAR_CHANNELS - 1) / THIMBLE_SCALAR_CHANNELS;
  const int32_t least_percent = narrow && core == "cortex-m0plus" ? 75 : 80;
  return 100 * p.output_c >= least_percent * tiles * THIMBLE_SCALAR_CHANNELS;
}

/// The same of kernels/mac16, where a single channel does not share what is around a row; of depthwise
/// convolutions, where nothing is shared, small images and windows lose.
bool mac16_pays(const thimble_conv2d_parameters& p, bool depthwise) {
  if (!depthwise) return p.output_c > 1;
  return p.output_h * p.output_w >= 9 && (p.stride_w == 1 || p.kernel_h * p.kernel_w > 9);
}

/// Whether kernels/mac16 can hold a layer's weights: -8 of 4 bits and -128 of 8, which neither we nor
/// TensorFlow Lite's converter write, have no place there.
bool mac16_fits(const Tensor& weights) {
  const int32_t least = weights.type == DataType::kInt4 ? -THIMBLE_MAC16_ZERO_S4 : -THIMBLE_MAC16_ZERO_S8;
  return std::ranges::all_of(int8_values(weights), [&](int8_t weight) { return weight >= least; });
}

/// (1, KH, KW, C) as (C, KH, KW, 1): a depthwise convolution's weights as those of convolutions of one
/// channel
Tensor by_channel(const Tensor& weights) {
  const std::vector<int8_t> values = int8_values(weights);
  const auto channels = static_cast<size_t>(weights.shape[3]);
  const size_t taps = values.size() / channels;
  std::vector<int8_t> moved(values.size());
  for (size_t i = 0; i < values.size(); ++i) moved[i % channels * taps + i / channels] = values[i];
  Tensor result{.type = weights.type, .shape = {weights.shape[3], weights.shape[1], weights.shape[2], 1}};
  result.data = weights.type == DataType::kInt4 ? packed_int4(moved) : Tensor::to_bytes<int8_t>(moved);
  return result;
}

/// What kernels/mac16 and kernels/scalar compute: a convolution without groups or dilation, a dense layer or
/// a depthwise convolution without multiplier, taken for a convolution of its one channel, with `output_c`
/// channels.
struct Layer {
  std::string op;
  thimble_conv2d_parameters p;
  bool depthwise = false;

  Tensor weights(const Tensor& tensor) const { return depthwise ? by_channel(tensor) : tensor; }
};

std::optional<Layer> layer_of(const Node& node, const KernelCall& call) {
  Layer layer;
  if (std::holds_alternative<FullyConnected>(node.op)) {
    layer.op = "fully_connected";
    layer.p = thimble_conv2d_of_dense(&std::get<thimble_fully_connected_parameters>(call.parameters));
  } else if (std::holds_alternative<Conv2D>(node.op)) {
    layer.op = "conv2d";
    layer.p = std::get<thimble_conv2d_parameters>(call.parameters);
  } else {
    const auto& p = std::get<thimble_depthwise_conv2d_parameters>(call.parameters);
    if (p.multiplier > 1) return std::nullopt;
    layer.op = "depthwise_conv2d";
    layer.p = thimble_conv2d_of_channel(&p);
    layer.p.output_c = p.input_c;
    layer.depthwise = true;
  }
  if (layer.p.groups > 1 || layer.p.dilation_h > 1 || layer.p.dilation_w > 1) return std::nullopt;
  layer.p = thimble_conv2d_in_rows(&layer.p);
  return layer;
}

}  // namespace

std::vector<KernelChoice> scalar_kernels(const Graph& graph, const Node& node, std::string_view core) {
  const bool mac16 = core == "xtensa-lx6";
  if (!has_weights(node.op) || (!mac16 && core != "cortex-m0plus" && core != "rv32imc")) return {};
  const Tensor& tensor = graph.tensor(node.inputs[1]);
  const Tensor* const bias = node.inputs.size() > 2 ? &graph.tensor(node.inputs[2]) : nullptr;
  if (graph.tensor(node.inputs[0]).type != DataType::kInt8 ||
      graph.tensor(node.outputs[0]).type != DataType::kInt8 || !tensor.is_constant() ||
      (bias != nullptr && !bias->is_constant()))
    return {};
  const KernelCall call = kernel_call(graph, node);
  const std::optional<Layer> layer = layer_of(node, call);
  if (!layer) return {};
  const thimble_conv2d_parameters& p = layer->p;
  const Tensor weights = layer->weights(tensor);
  const bool narrow = weights.type == DataType::kInt4;
  const bool simple =
      sum_bound(weights, bias).with_bias < int64_t{1} << 29 &&
      std::ranges::all_of(call.shifts, [](int32_t shift) { return shift < 0 && shift >= -22; });
  const auto choice_of = [&](const std::string& variant, int32_t offset) {
    const std::string type = narrow ? "s4" : "s8";
    KernelChoice choice;
    choice.kernel = {"thimble_" + layer->op + "_" + variant + "_" + type,
                     variant + "/" + layer->op + "_" + type + ".h"};
    choice.factors = factors_of(call, weights, bias, offset, simple);
    return choice;
  };
  std::vector<KernelChoice> choices;
  if (mac16 && mac16_pays(p, layer->depthwise) && mac16_fits(weights)) {
    const thimble_windows windows = thimble_mac16_windows_of(&p);
    const int32_t groups = thimble_mac16_groups(&windows);
    KernelChoice choice = choice_of("mac16", 0);
    choice.scratch_bytes = sizeof(uint32_t) * static_cast<size_t>(thimble_mac16_scratch(&windows));
    choice.extents = {simple ? 1 : 0, narrow ? (groups + 1) / 2 : groups};
    choice.layout = [layer = *layer](const Tensor& w) { return mac16_layout(layer.weights(w), layer.p); };
    choice.why = "a product, its sum and a load in an instruction, with MAC16";
    if (!layer->depthwise) {
      choice.overlaps = {{0, window_lead(sliding_window(p, 1), Reads::kRowsOnce)}};
    } else if (p.output_h == 1 || (p.output_w <= p.input_w && p.kernel_h > p.pad_top)) {
      choice.in_place = 0;  // a channel's outputs take the places of rows that were read
    }
    choices.push_back(std::move(choice));
  }
  if (!layer->depthwise && scalar_pays(core, p, narrow)) {
    const thimble_windows windows = thimble_windows_of(&p);
    const int32_t chunk = Tiles(weights, p).chunk();
    KernelChoice choice = choice_of("scalar", p.input_offset - 128);
    choice.scratch_bytes = static_cast<size_t>(thimble_windows_scratch(&windows, chunk));
    choice.extents = {simple ? 1 : 0, chunk};
    choice.layout = [p](const Tensor& w) { return Tiles(w, p).layout(); };
    choice.overlaps = {{0, window_lead(sliding_window(p, 1), Reads::kBeforeWriting, {.rows = 1})}};
    choice.why =
        narrow ? "two channels in a multiplication" : "two channels at a time, without sign extensions";
    choices.push_back(std::move(choice));
  }
  return choices;
}

}  // namespace thimble::deploy
