#include "deploy/scalar_kernels.h"

#include <algorithm>
#include <array>

#include "deploy/kernel_overlap.h"
#include "deploy/sum_bound.h"
#include "graph/quantize_from_ranges.h"
#include "kernels/scalar/products_s4.h"
#include "kernels/scalar/products_s8.h"

namespace thimble::deploy {
namespace {

constexpr int32_t kLargestInput = 255;

/// The weights of a layer as kernels/scalar takes them: not negative, in tiles of channels, each channel's
/// taps in the order of a window.
class Tiles {
 public:
  Tiles(const Tensor& weights, const thimble_conv2d_parameters& p)
      : p_(p),
        taps_(p.kernel_h * p.kernel_w * p.input_c),
        narrow_(weights.type == DataType::kInt4),
        values_(int8_values(weights)) {}

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

  /// 0 beyond the layer's channels and taps
  uint32_t unsigned_weight(int32_t o, int32_t tap) const {
    if (o >= p_.output_c || tap >= taps_) return 0;
    const int32_t column = tap / (p_.kernel_h * p_.input_c);
    const int32_t row = tap / p_.input_c % p_.kernel_h;
    const int32_t index = ((o * p_.kernel_h + row) * p_.kernel_w + column) * p_.input_c + tap % p_.input_c;
    const int32_t zero = narrow_ ? THIMBLE_SCALAR_ZERO_S4 : THIMBLE_SCALAR_ZERO_S8;
    return static_cast<uint32_t>(values_[static_cast<size_t>(index)] + zero);
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
  std::vector<int8_t> values_;
};

/// thimble_conv2d_windows's
std::vector<int32_t> factors_of(const KernelCall& call, const Tensor& weights, const Tensor* bias,
                                int32_t input_offset, bool simple) {
  const std::vector<int8_t> values = int8_values(weights);
  const size_t taps = values.size() / call.multipliers.size();
  std::vector<int32_t> factors;
  for (size_t o = 0; o < call.multipliers.size(); ++o) {
    uint32_t start = bias != nullptr ? static_cast<uint32_t>(bias->values<int32_t>()[o]) : 0;
    for (size_t i = o * taps; i < (o + 1) * taps; ++i)
      start += static_cast<uint32_t>((input_offset - 128) * values[i]);
    factors.insert(factors.end(), {static_cast<int32_t>(simple ? 2 * start : start), call.multipliers[o],
                                   simple ? -call.shifts[o] - 1 : call.shifts[o]});
  }
  return factors;
}

/// Whether a layer takes fewer cycles than in portable C, by counts over the shapes of bench/kernels.cpp: an
/// RV32, which loads bytes with their sign and has registers for eight sums, gains with 4 bits alone; a tile
/// that is half empty, or windows that share no columns, lose.
bool pays(std::string_view core, const thimble_conv2d_parameters& p, bool narrow) {
  if (core != "xtensa-lx6" && core != "cortex-m0plus" && (core != "rv32imc" || !narrow)) return false;
  if (p.groups > 1 || p.dilation_h > 1 || p.dilation_w > 1) return false;
  const int32_t tiles = (p.output_c + THIMBLE_SCALAR_CHANNELS - 1) / THIMBLE_SCALAR_CHANNELS;
  const int32_t least_percent = narrow && core != "rv32imc" ? 75 : 80;
  return 100 * p.output_c >= least_percent * tiles * THIMBLE_SCALAR_CHANNELS;
}

}  // namespace

std::optional<KernelChoice> scalar_kernel(const Graph& graph, const Node& node, std::string_view core) {
  const bool dense = std::holds_alternative<FullyConnected>(node.op);
  if (!dense && !std::holds_alternative<Conv2D>(node.op)) return std::nullopt;
  const Tensor& weights = graph.tensor(node.inputs[1]);
  const Tensor* const bias = node.inputs.size() > 2 ? &graph.tensor(node.inputs[2]) : nullptr;
  if (graph.tensor(node.inputs[0]).type != DataType::kInt8 ||
      graph.tensor(node.outputs[0]).type != DataType::kInt8 || !weights.is_constant() ||
      (bias != nullptr && !bias->is_constant()))
    return std::nullopt;
  const KernelCall call = kernel_call(graph, node);
  thimble_conv2d_parameters p =
      dense ? thimble_conv2d_of_dense(&std::get<thimble_fully_connected_parameters>(call.parameters))
            : std::get<thimble_conv2d_parameters>(call.parameters);
  const bool narrow = weights.type == DataType::kInt4;
  if (!pays(core, p, narrow)) return std::nullopt;
  p = thimble_conv2d_in_rows(&p);
  const Tiles tiles(weights, p);
  const thimble_windows windows = thimble_windows_of(&p);
  const bool simple =
      sum_bound(weights, bias).with_bias < int64_t{1} << 29 &&
      std::ranges::all_of(call.shifts, [](int32_t shift) { return shift < 0 && shift >= -22; });
  const int32_t chunk = tiles.chunk();
  KernelChoice choice;
  const std::string name = std::string(dense ? "fully_connected" : "conv2d");
  const std::string type = narrow ? "s4" : "s8";
  choice.kernel = {"thimble_" + name + "_scalar_" + type, "scalar/" + name + "_" + type + ".h"};
  choice.scratch_bytes = static_cast<size_t>(thimble_windows_scratch(&windows, chunk));
  choice.extents = {simple ? 1 : 0, chunk};
  choice.layout = [p](const Tensor& w) { return Tiles(w, p).layout(); };
  choice.factors = factors_of(call, weights, bias, p.input_offset, simple);
  choice.overlaps = {{0, window_lead(sliding_window(p, 1), Reads::kBeforeWriting, {.rows = 1})}};
  choice.why =
      narrow ? "two channels in a multiplication" : "two channels at a time, without sign extensions";
  return choice;
}

}  // namespace thimble::deploy
