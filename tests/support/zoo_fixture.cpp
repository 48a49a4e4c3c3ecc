#include "support/zoo_fixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

namespace thimble::test {
namespace {

/// make_fixtures.py's `uniform`.
std::vector<float> uniform(uint32_t stream, size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    uint32_t x = static_cast<uint32_t>(i) + stream * 0x9E3779B9U;
    x ^= x >> 16;
    x *= 0x85EBCA6BU;
    x ^= x >> 13;
    x *= 0xC2B2AE35U;
    x ^= x >> 16;
    values[i] = static_cast<float>(x >> 8) * 0x1p-23F - 1;
  }
  return values;
}

struct Range {
  float center, spread;
};

Range range_of(const Graph& graph, const Node& node, size_t input) {
  const Shape& weights = graph.tensor(node.inputs[1]).shape;
  if (std::holds_alternative<BatchNorm>(node.op)) {
    constexpr Range kGammaBetaMeanVariance[] = {{1, 0.5F}, {0, 0.2F}, {0, 0.2F}, {2, 1}};
    return kGammaBetaMeanVariance[input - 1];
  }
  if (input == 2) return {0, 0.1F};
  // Each output of a depthwise convolution reads one channel.
  const bool depthwise = std::holds_alternative<DepthwiseConv2D>(node.op);
  const size_t fan_in = element_count(weights) / static_cast<size_t>(depthwise ? weights.back() : weights[0]);
  return {0, static_cast<float>(std::sqrt(6.0 / static_cast<double>(fan_in)))};
}

/// The graph with the formula's constants and without its softmax.
Graph with_weights(Graph graph) {
  uint32_t stream = 0;
  for (const Node& node : graph.nodes) {
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      Tensor& constant = graph.tensor(node.inputs[i]);
      if (!constant.is_constant()) continue;
      const Range range = range_of(graph, node, i);
      std::vector<float> values = uniform(++stream, constant.elements());
      for (float& value : values) value = range.center + range.spread * value;
      constant.data = Tensor::to_bytes(std::span<const float>(values));
    }
  }
  graph.outputs = {graph.nodes.back().inputs[0]};
  return remove_unused(graph);
}

}  // namespace

std::vector<ZooFixture> zoo_fixtures(const std::string& path, Graph (*build)(const std::string& model)) {
  std::vector<ZooFixture> fixtures;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    ZooFixture fixture;
    uint32_t sample = 0;
    words >> fixture.model >> sample;
    for (float value = 0; words >> value;) fixture.output.push_back(value);
    const bool same_model = !fixtures.empty() && fixtures.back().model == fixture.model;
    fixture.graph = same_model ? fixtures.back().graph : with_weights(build(fixture.model));
    fixture.input = uniform(1000 + sample, fixture.graph.tensor(fixture.graph.inputs[0]).elements());
    fixtures.push_back(std::move(fixture));
  }
  EXPECT_FALSE(fixtures.empty()) << path;
  return fixtures;
}

void expect_matches(const ZooFixture& fixture, std::span<const float> output) {
  ASSERT_EQ(output.size(), fixture.output.size()) << fixture.model;
  for (size_t i = 0; i < output.size(); ++i) {
    EXPECT_NEAR(output[i], fixture.output[i], 1e-4) << fixture.model << ", class " << i;
  }
}

}  // namespace thimble::test
