#include "compress/quantize/equalize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graph/quantize_from_ranges.h"

namespace thimble::quantize {
namespace {

/// Calls use(weight, channel) for every weight, by output or input channel.
template <typename Use>
void for_weights(const Operator& op, const Shape& shape, std::span<float> weights, bool by_output,
                 Use&& use) {
  const bool is_outermost = by_output && output_channel_axis(op) == 0;
  const size_t inner = weights.size() / static_cast<size_t>(shape.front());
  const auto last = static_cast<size_t>(shape.back());
  for (size_t i = 0; i < weights.size(); ++i) use(weights[i], is_outermost ? i / inner : i % last);
}

/// Whether input channel i of the layer is index i along its weights' last axis (as output channel i of the
/// layer before it is).
bool takes_channels(const Operator& op) {
  if (const auto* conv = std::get_if<Conv2D>(&op)) return conv->groups == 1;
  if (const auto* depthwise = std::get_if<DepthwiseConv2D>(&op)) return depthwise->multiplier == 1;
  return std::holds_alternative<FullyConnected>(op);
}

struct Pair {
  size_t first, second;
};

}  // namespace

Equalization equalize(const Graph& graph) {
  Equalization result{graph, {}, {}};
  const auto readers = consumers(graph);
  const auto is_own = [&](const Node& node) {
    return std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                       [&](TensorId id) { return readers[static_cast<size_t>(id)].size() == 1; });
  };
  std::vector<Pair> pairs;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& first = graph.nodes[n];
    const auto& reading = readers[static_cast<size_t>(first.outputs[0])];
    if (!has_weights(first.op) || reading.size() != 1 ||
        std::ranges::count(graph.outputs, first.outputs[0]) > 0) {
      continue;
    }
    const Node& second = graph.nodes[static_cast<size_t>(reading[0])];
    if (!has_weights(second.op) || !takes_channels(second.op) || !is_own(first) || !is_own(second)) continue;
    const std::string name = fmt::format("{} > {}", first.name, second.name);
    if (fused_activation(first.op) == Activation::kRelu6) {
      result.skipped.push_back(name);
      continue;
    }
    result.pairs.push_back(name);
    pairs.push_back({n, static_cast<size_t>(reading[0])});
  }
  // A chain of layers settles as its pairs are taken again and again.
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    for (const Pair& pair : pairs) {
      const Node& first = result.graph.nodes[pair.first];
      const Node& second = result.graph.nodes[pair.second];
      Tensor& first_weights = result.graph.tensor(first.inputs[1]);
      Tensor& second_weights = result.graph.tensor(second.inputs[1]);
      const auto channels = static_cast<size_t>(result.graph.tensor(first.outputs[0]).shape.back());
      std::vector<float> first_reach(channels);
      std::vector<float> second_reach(channels);
      const auto widen = [](std::vector<float>& reach) {
        return [&reach](float weight, size_t c) { reach[c] = std::max(reach[c], std::abs(weight)); };
      };
      for_weights(first.op, first_weights.shape, first_weights.values<float>(), true, widen(first_reach));
      for_weights(second.op, second_weights.shape, second_weights.values<float>(), false,
                  widen(second_reach));
      std::vector<float> factor(channels, 1);
      for (size_t c = 0; c < channels; ++c) {
        // A channel that is dead on one side stays as it is.
        if (!(first_reach[c] > 0) || !(second_reach[c] > 0)) continue;
        factor[c] = std::clamp(std::sqrt(second_reach[c] / first_reach[c]), 1e-4F, 1e4F);
      }
      for_weights(first.op, first_weights.shape, first_weights.values<float>(), true,
                  [&](float& weight, size_t c) { weight *= factor[c]; });
      for_weights(second.op, second_weights.shape, second_weights.values<float>(), false,
                  [&](float& weight, size_t c) { weight /= factor[c]; });
      if (first.inputs.size() < 3) continue;
      const auto bias = result.graph.tensor(first.inputs[2]).values<float>();
      for (size_t c = 0; c < channels; ++c) bias[c] *= factor[c];
    }
  }
  return result;
}

}  // namespace thimble::quantize
