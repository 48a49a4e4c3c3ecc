#include "compress/quantize/weight_fits.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/mask.h"

namespace thimble::quantize {
namespace {

/// Where the weights of one output channel lie: at first, first + step, ...
struct Row {
  size_t first, step, count;
};

Row row_of(const Operator& op, const Shape& shape, size_t channel) {
  const size_t elements = element_count(shape);
  const auto axis = static_cast<size_t>(output_channel_axis(op));
  const auto channels = static_cast<size_t>(shape[axis]);
  const size_t count = elements / channels;
  return axis == 0 ? Row{channel * count, 1, count} : Row{channel, channels, count};
}

double squared_error(std::span<const float> weights, const Row& row, double scale, double largest) {
  double sum = 0;
  for (size_t i = 0; i < row.count; ++i) {
    const double weight = weights[row.first + i * row.step];
    const double error = weight - scale * std::clamp(std::round(weight / scale), -largest, largest);
    sum += error * error;
  }
  return sum;
}

/// The scale for the weights of all `rows` together.
float best_scale(std::span<const float> weights, std::span<const Row> rows, int32_t largest) {
  double reach = 0;
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.count; ++i) {
      reach = std::max(reach, std::abs(double{weights[row.first + i * row.step]}));
    }
  }
  if (reach == 0) return 1;  // any does
  double best = reach / largest;
  double least = std::numeric_limits<double>::infinity();
  for (int percent = 100; percent >= 20; --percent) {
    const double scale = reach / largest * percent / 100;
    double error = 0;
    for (const Row& row : rows) error += squared_error(weights, row, scale, largest);
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return std::max(static_cast<float>(best), std::numeric_limits<float>::min());
}

const train::FakeQuantizer& quantizer_of(const train::FakeQuantizedGraph& network, TensorId id) {
  return *std::ranges::find_if(network.quantizers, [&](const train::FakeQuantizer& quantizer) {
    return std::ranges::count(quantizer.tensors, id) > 0;
  });
}

/// The sums of a layer's statistics that one output channel is fitted with.
struct ChannelSums {
  const double* gram;    ///< size x size
  const double* wanted;  ///< of input i at [i * stride]
  size_t stride, size;

  double product(size_t i, size_t j) const { return gram[i * size + j]; }
  double target(size_t i) const { return wanted[i * stride]; }
};

ChannelSums sums_of(const train::LayerStatistics& s, size_t channel) {
  const size_t group = channel / s.outputs;
  const size_t size = s.inputs + 1;
  return {s.gram.data() + group * size * size,
          s.wanted.data() + group * size * s.outputs + channel % s.outputs, s.outputs, size};
}

/// Moves one weight after another to the step that is best beside the others; zeros only if they may move.
void round_channel(std::span<float> weights, const Row& row, double scale, double largest, double bias,
                   const ChannelSums& sums, bool zeros_move) {
  const size_t n = row.count;
  // A little of the distance from the float32 weights counts too: samples do not tell of every direction.
  double mean_square = 0;
  for (size_t i = 0; i < n; ++i) mean_square += sums.product(i, i) / static_cast<double>(n);
  const double pull = 0.01 * mean_square;
  std::vector<double> integer(n);
  std::vector<double> value(n);
  for (size_t i = 0; i < n; ++i) {
    value[i] = weights[row.first + i * row.step];
    integer[i] = std::clamp(std::round(value[i] / scale), -largest, largest);
  }
  std::vector<double> slope(n);  // half of the error's, by weight
  for (size_t i = 0; i < n; ++i) {
    slope[i] = bias * sums.product(i, n) - sums.target(i) + pull * (scale * integer[i] - value[i]);
    for (size_t j = 0; j < n; ++j) slope[i] += sums.product(i, j) * scale * integer[j];
  }
  constexpr int kMostRounds = 50;
  bool has_moved = mean_square > 0;
  for (int round = 0; round < kMostRounds && has_moved; ++round) {
    has_moved = false;
    for (size_t i = 0; i < n; ++i) {
      if (value[i] == 0 && !zeros_move) continue;
      const double curvature = sums.product(i, i) + pull;
      const double best =
          std::clamp(std::round(integer[i] - slope[i] / curvature / scale), -largest, largest);
      const double move = scale * (best - integer[i]);
      if (move == 0 || move * (2 * slope[i] + move * curvature) >= 0) continue;
      for (size_t j = 0; j < n; ++j) slope[j] += move * sums.product(i, j);
      slope[i] += move * pull;
      integer[i] = best;
      has_moved = true;
    }
  }
  for (size_t i = 0; i < n; ++i) weights[row.first + i * row.step] = static_cast<float>(scale * integer[i]);
}

}  // namespace

QuantizeOptions with_weights_of_8_bits(QuantizeOptions options) {
  options.bits = 8;
  options.layers.clear();
  return options;
}

QuantizeOptions least_squares_scales(const Graph& graph, const QuantizeOptions& options) {
  QuantizeOptions result = options;
  for (const Node& node : graph.nodes) {
    if (!has_weights(node.op)) continue;
    WeightQuantization& layer = result.layers.try_emplace(node.name, options.bits).first->second;
    if (!layer.scales.empty()) continue;
    const Tensor& weights = graph.tensor(node.inputs[1]);
    std::vector<Row> rows;
    const auto channels =
        static_cast<size_t>(weights.shape[static_cast<size_t>(output_channel_axis(node.op))]);
    for (size_t c = 0; c < channels; ++c) rows.push_back(row_of(node.op, weights.shape, c));
    const int32_t largest = largest_weight(layer.bits);
    if (takes_channel_scales(node.op, layer.bits)) {
      for (const Row& row : rows)
        layer.scales.push_back(best_scale(weights.values<float>(), {&row, 1}, largest));
    } else {
      layer.scales = {best_scale(weights.values<float>(), rows, largest)};
    }
  }
  return result;
}

train::LayerFit adaptive_rounding(const train::FakeQuantizedGraph& network) {
  return [&network](Graph& graph, size_t n, const train::LayerStatistics& statistics) {
    const Node& node = graph.nodes[n];
    const train::FakeQuantizer& quantizer = quantizer_of(network, node.inputs[1]);
    Tensor& weights = graph.tensor(node.inputs[1]);
    for (size_t c = 0; c < statistics.groups * statistics.outputs; ++c) {
      const double bias = node.inputs.size() == 3 ? graph.tensor(node.inputs[2]).values<float>()[c] : 0.0;
      round_channel(weights.values<float>(), row_of(node.op, weights.shape, c),
                    quantizer.scales[quantizer.scales.size() == 1 ? 0 : c], quantizer.highest, bias,
                    sums_of(statistics, c), !is_masked(graph));
    }
  };
}

train::LayerFit bias_correction(const train::FakeQuantizedGraph& network) {
  return [&network](Graph& graph, size_t n, const train::LayerStatistics& statistics) {
    const Node& node = graph.nodes[n];
    if (node.inputs.size() < 3) return;
    const train::FakeQuantizer& quantizer = quantizer_of(network, node.inputs[1]);
    const Tensor& weights = graph.tensor(node.inputs[1]);
    const auto bias = graph.tensor(node.inputs[2]).values<float>();
    const double largest = quantizer.highest;
    for (size_t c = 0; c < bias.size(); ++c) {
      const ChannelSums sums = sums_of(statistics, c);
      const Row row = row_of(node.op, weights.shape, c);
      const double scale = quantizer.scales[quantizer.scales.size() == 1 ? 0 : c];
      double rest = sums.target(row.count);
      for (size_t i = 0; i < row.count; ++i) {
        const double weight = weights.values<float>()[row.first + i * row.step];
        rest -=
            sums.product(i, row.count) * scale * std::clamp(std::round(weight / scale), -largest, largest);
      }
      bias[c] = static_cast<float>(rest / statistics.places);
    }
  };
}

}  // namespace thimble::quantize
