#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace thimble::test {

/// What PyTorch computed for a model of the zoo and a sample (tests/zoo/make_fixtures.py).
struct ZooFixture {
  std::string model;
  Graph graph;  ///< of that model, with the fixture's weights, up to the final softmax's argument
  std::vector<float> input;   ///< (H, W, C)
  std::vector<float> output;  ///< PyTorch's
};

/// The fixtures of a file; `build` makes a model's graph.
std::vector<ZooFixture> zoo_fixtures(const std::string& path, Graph (*build)(const std::string& model));

/// Fails the test where `output` differs from the fixture's by more than 1e-4.
void expect_matches(const ZooFixture& fixture, std::span<const float> output);

}  // namespace thimble::test
