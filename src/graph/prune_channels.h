#pragma once

#include <span>
#include <vector>

#include "graph/channel_groups.h"
#include "graph/graph.h"

namespace thimble {

/// removed[g] are the channels (indices into groups[g].channels) that leave, in any order.
using RemovedChannels = std::vector<std::vector<int32_t>>;

/// The graph without these channels: weights, biases, batch norms and constants are cut, shapes follow. What
/// stays computes what it would if the removed channels were masked to zero wherever a layer reads them.
/// Inputs and outputs of the network keep their shapes. `groups` are channel_groups(graph). Throws Error
/// naming the group when it is locked, or would lose its last channel.
Graph prune_channels(const Graph& graph, std::span<const ChannelGroup> groups,
                     const RemovedChannels& removed);

/// The graph as it would be after prune_channels, with constants that hold no bytes: what parameter_count,
/// weight_bytes and mac_count need, and nothing else does.
Graph shapes_without(const Graph& graph, std::span<const ChannelGroup> groups,
                     const RemovedChannels& removed);

}  // namespace thimble
