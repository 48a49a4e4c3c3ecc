#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "graph/graph.h"

namespace thimble::test {

struct OperatorCase {
  std::string name;
  Graph graph;  ///< one node, or a few; its inputs are the activations
};

/// Every float32 operator but BatchNorm alone in a graph, in each form that libtorch is asked for in a way of
/// its own: symmetric and one-sided padding, groups, dilation, multipliers, broadcasts of constants and of
/// activations.
std::vector<OperatorCase> operator_cases();

/// `count` numbers 0.1 apart, in random order, at least 0.05 from 0 and from 6: a step below 0.05 changes no
/// maximum and crosses the kink of no activation.
std::vector<float> spread_values(size_t count, Random random);

}  // namespace thimble::test
