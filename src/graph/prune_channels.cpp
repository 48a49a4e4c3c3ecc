#include "graph/prune_channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "base/error.h"
#include "graph/channel_copies.h"

namespace thimble {
namespace {

/// No copies of what leaves.
IndexCopies staying(const Graph& graph, std::span<const ChannelGroup> groups,
                    const RemovedChannels& removed) {
  assert(groups.size() == removed.size());
  ChannelCopies copies(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    const ChannelGroup& group = groups[g];
    if (removed[g].empty()) continue;
    copies[g].assign(group.channels.size(), 1);
    for (const int32_t channel : removed[g]) copies[g].at(static_cast<size_t>(channel)) = 0;
    if (!group.locked.empty()) {
      throw Error(fmt::format("The channels of '{}'", group.name),
                  fmt::format("cannot be removed: {}", group.locked), "Leave them as they are");
    }
    if (std::count(copies[g].begin(), copies[g].end(), 1) == 0) {
      throw Error(fmt::format("The channels of '{}'", group.name), "would all be removed",
                  "Keep at least one: prune less");
    }
  }
  return index_copies(graph, groups, copies);
}

}  // namespace

Graph prune_channels(const Graph& graph, std::span<const ChannelGroup> groups,
                     const RemovedChannels& removed) {
  Graph result = with_copies(graph, staying(graph, groups, removed), true);
  validate(result);
  return result;
}

Graph shapes_without(const Graph& graph, std::span<const ChannelGroup> groups,
                     const RemovedChannels& removed) {
  return with_copies(graph, staying(graph, groups, removed), false);
}

}  // namespace thimble
