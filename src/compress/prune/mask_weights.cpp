#include "compress/prune/mask_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "compress/prune/places.h"
#include "graph/mask.h"
#include "graph/prune_channels.h"
#include "train/loss_gradients.h"

namespace thimble::prune {
namespace {

/// The weights of a layer as a matrix: a row for each output channel.
struct Matrix {
  size_t rows = 0;
  size_t columns = 0;
  size_t window = 1;           ///< places of a kernel, which are the outer part of a column's index
  bool is_transposed = false;  ///< in memory: a depthwise layer's

  size_t row(size_t element) const { return is_transposed ? element % rows : element / columns; }
  size_t column(size_t element) const { return is_transposed ? element / rows : element % columns; }
};

bool has_known_weights(const Graph& graph, const Node& node) {
  const bool is_layer = std::holds_alternative<Conv2D>(node.op) ||
                        std::holds_alternative<DepthwiseConv2D>(node.op) ||
                        std::holds_alternative<FullyConnected>(node.op);
  return is_layer && graph.tensor(node.inputs[1]).is_constant() &&
         graph.tensor(node.inputs[1]).type == DataType::kFloat32;
}

Matrix matrix_of(const Graph& graph, const Node& node) {
  const Tensor& weights = graph.tensor(node.inputs[1]);
  const bool is_depthwise = std::holds_alternative<DepthwiseConv2D>(node.op);
  Matrix matrix;
  matrix.rows = static_cast<size_t>(is_depthwise ? weights.shape[3] : weights.shape[0]);
  matrix.columns = weights.elements() / matrix.rows;
  matrix.is_transposed = is_depthwise;
  if (weights.shape.size() == 4) {
    matrix.window = static_cast<size_t>(weights.shape[1]) * static_cast<size_t>(weights.shape[2]);
  }
  return matrix;
}

/// The unit that an element belongs to, counted from 0 within the layer.
size_t unit_of(const Matrix& matrix, Granularity granularity, size_t element) {
  const size_t row = matrix.row(element);
  const size_t column = matrix.column(element);
  switch (granularity) {
    case Granularity::kKernel: {
      const size_t inputs = matrix.columns / matrix.window;
      return row * inputs + column % inputs;
    }
    case Granularity::kBlock1x4:
      return row * ((matrix.columns + 3) / 4) + column / 4;
    case Granularity::kBlock4x1:
      return row / 4 * matrix.columns + column;
    default:
      return element;
  }
}

/// The units of one weight tensor, which several layers may share.
struct Layer {
  TensorId weights = kNoTensor;
  double macs = 0;           ///< that each weight takes part in
  std::vector<size_t> unit;  ///< of each element
  std::vector<double> size;  ///< of each unit: its elements
  std::vector<double> score;
};

std::vector<Layer> layers_of(const Graph& graph, Granularity granularity) {
  std::vector<Layer> layers;
  for (const Node& node : graph.nodes) {
    if (!has_known_weights(graph, node)) continue;
    const TensorId id = node.inputs[1];
    const size_t elements = graph.tensor(id).elements();
    const double macs = static_cast<double>(mac_count(graph, node)) / static_cast<double>(elements);
    if (const auto known = std::ranges::find(layers, id, &Layer::weights); known != layers.end()) {
      known->macs += macs;
      continue;
    }
    Layer& layer = layers.emplace_back(Layer{id, macs, {}, {}, {}});
    const Matrix matrix = matrix_of(graph, node);
    for (size_t i = 0; i < elements; ++i) {
      layer.unit.push_back(unit_of(matrix, granularity, i));
      layer.size.resize(std::max(layer.size.size(), layer.unit.back() + 1), 0);
      ++layer.size[layer.unit.back()];
    }
    layer.score.assign(layer.size.size(), 0);
  }
  return layers;
}

/// By the loss's change to first order, batch by batch.
void score_by_taylor(std::vector<Layer>& layers, const Graph& graph, const data::Dataset& dataset,
                     std::span<const size_t> indices) {
  if (indices.empty()) {
    throw Error("The criterion taylor", "has no samples to take gradients of", "Name a data set");
  }
  train::loss_gradients(graph, dataset, indices, [&](TensorId id, std::span<const float> gradient) {
    const auto layer = std::ranges::find(layers, id, &Layer::weights);
    if (layer == layers.end()) return;
    const auto values = graph.tensor(id).values<float>();
    std::vector<double> change(layer->size.size(), 0);
    for (size_t i = 0; i < values.size(); ++i) change[layer->unit[i]] += double{gradient[i]} * values[i];
    for (size_t u = 0; u < change.size(); ++u) layer->score[u] += change[u] * change[u] / layer->size[u];
  });
}

void score_by_size(Layer& layer, std::span<const float> values, Criterion criterion, Random& random) {
  const bool squares = criterion == Criterion::kL2;
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = std::abs(double{values[i]});
    layer.score[layer.unit[i]] += (squares ? value * value : value) / layer.size[layer.unit[i]];
  }
  for (double& score : layer.score) {
    if (squares) score = std::sqrt(score);
    // What is zero already stays so.
    if (criterion == Criterion::kRandom && score > 0) score = random.uniform();
  }
  if (criterion == Criterion::kRandom) return;
  const double mean =
      std::accumulate(layer.score.begin(), layer.score.end(), 0.0) / static_cast<double>(layer.score.size());
  if (mean == 0) return;
  for (double& score : layer.score) score /= mean;
}

}  // namespace

Sparsity sparsity_of(const Graph& graph) {
  Sparsity sparsity;
  std::set<TensorId> seen;
  for (const Node& node : graph.nodes) {
    if (!has_known_weights(graph, node) || !seen.insert(node.inputs[1]).second) continue;
    const auto values = graph.tensor(node.inputs[1]).values<float>();
    sparsity.weights += values.size();
    sparsity.zeros += static_cast<size_t>(std::ranges::count(values, 0.0F));
  }
  return sparsity;
}

Graph mask_weights(const Graph& graph, Granularity granularity, Criterion criterion,
                   const SelectOptions& options, bool by_macs, const data::Dataset& dataset,
                   std::span<const size_t> indices, Random random) {
  if (!is_mask(granularity)) {
    throw Error(fmt::format("The granularity {}", name_of(granularity)), "removes channels, not weights",
                "Take kernel, block-1x4, block-4x1 or weight");
  }
  if (criterion == Criterion::kNormScale || criterion == Criterion::kLoss || criterion == Criterion::kFpgm) {
    throw Error("This criterion", "judges channels, not weights", "Take l1, l2, taylor or random",
                ExitCode::kUsage);
  }
  std::vector<Layer> layers = layers_of(graph, granularity);
  if (criterion == Criterion::kTaylor) {
    score_by_taylor(layers, graph, dataset, indices);
  } else {
    for (Layer& layer : layers) {
      score_by_size(layer, graph.tensor(layer.weights).values<float>(), criterion, random);
    }
  }
  struct Unit {
    double key;
    size_t layer, unit;
  };
  std::vector<Unit> order;
  const auto cost = [&](const Layer& layer) { return by_macs ? layer.macs : 1.0; };
  std::vector<double> left;  // of each layer: cost that may still go, before `keep` is met
  std::vector<size_t> may_go;
  double total = 0;
  for (size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    const double whole = cost(layer) * static_cast<double>(layer.unit.size());
    const auto units = static_cast<double>(layer.size.size());
    const double least = std::max(std::ceil(units * options.least - 1e-9), 1.0);
    total += whole;
    left.push_back((1 - options.keep) * whole);
    may_go.push_back(layer.size.size() - static_cast<size_t>(least));
    for (size_t u = 0; u < layer.size.size(); ++u) {
      const bool per_cost = options.ranking == Ranking::kPerCost;
      order.push_back({per_cost ? layer.score[u] / layer.macs : layer.score[u], l, u});
    }
  }
  std::ranges::stable_sort(order, {}, &Unit::key);
  const double limit = 1e-9 * total;
  double all_left = (1 - options.keep) * total;
  std::vector<std::vector<bool>> goes;
  for (const Layer& layer : layers) goes.emplace_back(layer.size.size(), false);
  const auto take = [&](bool every_layer_alike) {
    for (const Unit& unit : order) {
      const Layer& layer = layers[unit.layer];
      if (goes[unit.layer][unit.unit] || may_go[unit.layer] == 0 || all_left <= limit) continue;
      if (every_layer_alike && left[unit.layer] <= limit) continue;
      goes[unit.layer][unit.unit] = true;
      --may_go[unit.layer];
      left[unit.layer] -= cost(layer) * layer.size[unit.unit];
      all_left -= cost(layer) * layer.size[unit.unit];
    }
  };
  if (options.ranking == Ranking::kLocal) take(true);
  // What a small layer could not lose, others do.
  take(false);
  if (all_left > limit) {
    throw Error(graph.name,
                fmt::format("would keep {:.1f} % of its weights when masked as far as it can be, {:.1f} % is "
                            "asked for",
                            100 * (options.keep + all_left / total), 100 * options.keep),
                "Keep more, or lower `least`", ExitCode::kBudget);
  }
  Graph result = graph;
  for (size_t l = 0; l < layers.size(); ++l) {
    const auto values = result.tensor(layers[l].weights).values<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      if (goes[l][layers[l].unit[i]]) values[i] = 0;
    }
  }
  result.metadata[std::string(kMaskKey)] = name_of(granularity);
  return result;
}

Graph remove_unread_channels(const Graph& graph) {
  Graph network = graph;
  while (true) {
    const auto groups = channel_groups(network);
    const std::set<Place> readers = find_places(network).readers;
    RemovedChannels removed(groups.size());
    bool any = false;
    for (size_t g = 0; g < groups.size(); ++g) {
      if (!groups[g].locked.empty()) continue;
      for (size_t c = 0; c < groups[g].channels.size(); ++c) {
        bool is_read = removed[g].size() + 1 == groups[g].channels.size();
        for (const ChannelSlot& slot : groups[g].channels[c]) {
          const Tensor& tensor = network.tensor(slot.tensor);
          if (!readers.contains({slot.tensor, slot.axis})) continue;
          is_read = is_read || !tensor.is_constant();
          if (is_read) break;
          const auto weights = tensor.values<float>();
          for_each_element(tensor.shape, slot, [&](size_t i) { is_read = is_read || weights[i] != 0; });
        }
        if (!is_read) removed[g].push_back(static_cast<int32_t>(c));
      }
      any = any || !removed[g].empty();
    }
    if (!any) return network;
    network = prune_channels(network, groups, removed);
  }
}

}  // namespace thimble::prune
