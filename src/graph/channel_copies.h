#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/channel_groups.h"
#include "graph/graph.h"

namespace thimble {

/// copies[g][c]: how often channel c of group g is in the result; 0: it leaves. Groups that stay as they are
/// have no entries.
using ChannelCopies = std::vector<std::vector<int32_t>>;

/// How often each index of each axis is in the result: [tensor][axis][index]; nothing for an axis that stays.
using IndexCopies = std::vector<std::vector<std::vector<int32_t>>>;
IndexCopies index_copies(const Graph& graph, std::span<const ChannelGroup> groups,
                         const ChannelCopies& copies);

/// The graph with every index of its tensors as often as `copies` says, copies behind each other: constants
/// and shapes follow, and attributes that name extents. Without `keeps_data` constants hold no bytes. It is
/// not validated: what the copies mean is the caller's affair.
Graph with_copies(const Graph& graph, const IndexCopies& copies, bool keeps_data);

}  // namespace thimble
