#pragma once

#include "base/random.h"
#include "graph/graph.h"

namespace thimble::test {

/// A valid random float32 network: convolutions (grouped, dilated, strided, biased or with batch norm),
/// depthwise layers, residual sums, concatenations, pools, padding, activations, and a dense head or none.
/// Small: extents up to 12, up to 12 channels, about ten nodes. The same Random gives the same network.
Graph random_network(Random random);

/// As random_network, with the operators that such networks hold now and then as well: Sigmoid, Tanh,
/// HardSwish, LeakyRelu, Transpose, Slice, ResizeNearest, Sub, Maximum, Minimum.
Graph random_varied_network(Random random);

/// As random_varied_network, but it begins with a convolution and ends with two dense layers; residual blocks
/// and squeeze-and-excitation blocks lie between. Its inner channels are free to be pruned, where an operator
/// does not hold on to them.
Graph random_classifier(Random random);

/// Random values in [low, high] for a graph's first input.
std::vector<float> random_input(const Graph& graph, Random random, float low = -1.0F, float high = 1.0F);

/// The output of a float32 graph of one input on the portable kernels.
std::vector<float> run_float32(const Graph& graph, std::span<const float> input);

}  // namespace thimble::test
