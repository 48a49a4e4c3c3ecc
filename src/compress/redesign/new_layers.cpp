#include "compress/redesign/new_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "train/observe.h"

namespace thimble::redesign {

std::string unused_name(const Graph& graph, const std::string& stem) {
  const auto is_used = [&](const std::string& name) {
    return std::ranges::find(graph.nodes, name, &Node::name) != graph.nodes.end();
  };
  std::string name = stem;
  for (int number = 2; is_used(name); ++number) name = fmt::format("{}_{}", stem, number);
  return name;
}

TensorId add_constant(Graph& graph, std::string name, Shape shape, const std::vector<float>& values) {
  Tensor tensor{.name = std::move(name), .shape = std::move(shape)};
  tensor.data = Tensor::to_bytes(std::span<const float>(values));
  return graph.add(std::move(tensor));
}

TensorId append_identity_norm(Graph& graph, TensorId x, const std::string& name) {
  const BatchNorm norm;
  const int32_t channels = graph.tensor(x).shape.back();
  const auto filled = [&](const char* part, float value) {
    return add_constant(graph, name + part, {channels},
                        std::vector<float>(static_cast<size_t>(channels), value));
  };
  const TensorId gamma = filled("_gamma", std::sqrt(1 + norm.epsilon));
  const TensorId beta = filled("_beta", 0);
  const TensorId mean = filled("_mean", 0);
  const TensorId variance = filled("_variance", 1);
  return graph.append(norm, {x, gamma, beta, mean, variance}, name);
}

Graph settle_norms(const WithNewLayers& network, const data::Dataset& dataset,
                   std::span<const size_t> indices) {
  struct Sums {
    std::vector<double> values, squares;
    double count = 0;
  };
  Graph graph = network.graph;
  std::map<TensorId, Sums> sums;  // by the norms' inputs
  for (const std::string& name : network.norms) {
    const TensorId x = std::ranges::find(graph.nodes, name, &Node::name)->inputs[0];
    const auto channels = static_cast<size_t>(graph.tensor(x).shape.back());
    sums[x] = {std::vector<double>(channels), std::vector<double>(channels), 0};
  }
  train::observe(graph, dataset, indices, [&](TensorId id, std::span<const float> values) {
    const auto found = sums.find(id);
    if (found == sums.end()) return;
    Sums& s = found->second;
    const size_t channels = s.values.size();
    for (size_t i = 0; i < values.size(); ++i) {
      s.values[i % channels] += values[i];
      s.squares[i % channels] += double{values[i]} * values[i];
    }
    s.count += static_cast<double>(values.size() / channels);
  });
  for (const std::string& name : network.norms) {
    const Node& node = *std::ranges::find(graph.nodes, name, &Node::name);
    const Sums& s = sums.at(node.inputs[0]);
    const auto parameter = [&](size_t input) { return graph.tensor(node.inputs[input]).values<float>(); };
    for (size_t c = 0; c < s.values.size(); ++c) {
      const double mean = s.values[c] / s.count;
      const double variance = std::max(s.squares[c] / s.count - mean * mean, 0.0);
      parameter(1)[c] = static_cast<float>(std::sqrt(variance + std::get<BatchNorm>(node.op).epsilon));
      parameter(2)[c] = parameter(3)[c] = static_cast<float>(mean);
      parameter(4)[c] = static_cast<float>(variance);
    }
  }
  return graph;
}

}  // namespace thimble::redesign
