#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace thimble {

/// One index along one axis of a tensor.
struct ChannelSlot {
  TensorId tensor = kNoTensor;
  int32_t axis = 0;
  int32_t index = 0;
  auto operator<=>(const ChannelSlot&) const = default;
};

/// Channels that stand for the same thing all over the network, such as the filters of two convolutions
/// whose results are added. A part of them can leave the network; which part is free to choose.
struct ChannelGroup {
  std::string name;  ///< the first layer whose output channels they are
  /// For each channel all places that leave the network with it: output channels of layers, their inputs
  /// (for a flattened image a run of inputs), what a batch norm or an elementwise constant holds of them.
  std::vector<std::vector<ChannelSlot>> channels;
  std::string locked;  ///< why no channel can leave ("they are an output of the network"); empty: they can
};

/// The groups of a float32 graph, in the order of their first layers: all output channels of convolutions,
/// depthwise convolutions and dense layers, each in one group. Found from the operators alone, by the idea of
/// dependency graphs (Fang et al., DepGraph, CVPR 2023), index by index rather than layer by layer: what a
/// concatenation, slice, flattening or shuffle does to channels is what it does to their indices.
///
/// A grouped convolution loses the same channels in each of its groups. Channels are locked where an operator
/// gives their number or their neighbours a meaning: at the network's ends, as rows or columns, under a
/// softmax, a mean over them, a stride over them. Throws Error when the graph is quantized.
std::vector<ChannelGroup> channel_groups(const Graph& graph);

}  // namespace thimble
