#include "graph/prune_channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/error.h"

namespace thimble {
namespace {

/// stays[tensor][axis][index]; an axis that loses nothing has no entries.
using Staying = std::vector<std::vector<std::vector<bool>>>;

Staying staying(const Graph& graph, std::span<const ChannelGroup> groups, const RemovedChannels& removed) {
  assert(groups.size() == removed.size());
  Staying stays(graph.tensors.size());
  for (size_t id = 0; id < stays.size(); ++id) stays[id].resize(graph.tensors[id].shape.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    const ChannelGroup& group = groups[g];
    std::vector<bool> leaves(group.channels.size(), false);
    for (const int32_t channel : removed[g]) leaves.at(static_cast<size_t>(channel)) = true;
    const auto leaving = static_cast<size_t>(std::count(leaves.begin(), leaves.end(), true));
    if (leaving == 0) continue;
    if (!group.locked.empty()) {
      throw Error(fmt::format("The channels of '{}'", group.name),
                  fmt::format("cannot be removed: {}", group.locked), "Leave them as they are");
    }
    if (leaving == leaves.size()) {
      throw Error(fmt::format("The channels of '{}'", group.name), "would all be removed",
                  "Keep at least one: prune less");
    }
    for (size_t c = 0; c < leaves.size(); ++c) {
      if (!leaves[c]) continue;
      for (const ChannelSlot& slot : group.channels[c]) {
        const auto axis = static_cast<size_t>(slot.axis);
        auto& stay = stays[static_cast<size_t>(slot.tensor)][axis];
        if (stay.empty()) stay.assign(static_cast<size_t>(graph.tensor(slot.tensor).shape[axis]), true);
        stay[static_cast<size_t>(slot.index)] = false;
      }
    }
  }
  return stays;
}

int32_t count(const std::vector<bool>& stay, int32_t begin, int32_t end) {
  return static_cast<int32_t>(std::count(stay.begin() + begin, stay.begin() + end, true));
}

/// The elements of a constant whose index stays on every axis.
std::vector<std::byte> cut(const Tensor& tensor, const std::vector<std::vector<bool>>& stays) {
  std::vector<std::byte> bytes = *tensor.data;
  size_t inner = byte_size(tensor.type, 1);
  for (size_t axis = tensor.shape.size(); axis-- > 0;) {
    // Axes after this one are cut already, those before it still whole.
    const auto& stay = stays[axis];
    const auto extent = static_cast<size_t>(tensor.shape[axis]);
    if (stay.empty()) {
      inner *= extent;
      continue;
    }
    std::vector<std::byte> kept;
    for (size_t at = 0; at < bytes.size(); at += inner) {
      if (!stay[at / inner % extent]) continue;
      kept.insert(kept.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  bytes.begin() + static_cast<std::ptrdiff_t>(at + inner));
    }
    bytes = std::move(kept);
    inner *= static_cast<size_t>(count(stay, 0, tensor.shape[axis]));
  }
  return bytes;
}

/// Attributes that name extents follow the shapes.
void follow(Operator& op, const Shape& output, const std::vector<std::vector<bool>>& input_stays) {
  if (auto* reshape = std::get_if<Reshape>(&op)) {
    for (size_t axis = 0; axis < output.size(); ++axis) {
      if (reshape->shape[axis] != -1) reshape->shape[axis] = output[axis];
    }
  }
  if (auto* slice = std::get_if<Slice>(&op)) {
    for (size_t axis = 0; axis < output.size(); ++axis) {
      if (!input_stays[axis].empty()) slice->begin[axis] = count(input_stays[axis], 0, slice->begin[axis]);
      slice->size[axis] = output[axis];
    }
  }
}

Graph without(const Graph& graph, std::span<const ChannelGroup> groups, const RemovedChannels& removed,
              bool keeps_data) {
  const Staying stays = staying(graph, groups, removed);
  Graph result;
  result.name = graph.name;
  result.inputs = graph.inputs;
  result.outputs = graph.outputs;
  result.metadata = graph.metadata;
  for (size_t id = 0; id < graph.tensors.size(); ++id) {
    const Tensor& before = graph.tensors[id];
    Tensor after = {.name = before.name, .type = before.type, .shape = before.shape};
    for (size_t axis = 0; axis < after.shape.size(); ++axis) {
      if (!stays[id][axis].empty()) after.shape[axis] = count(stays[id][axis], 0, before.shape[axis]);
    }
    if (before.is_constant()) after.data = keeps_data ? cut(before, stays[id]) : std::vector<std::byte>();
    result.tensors.push_back(std::move(after));
  }
  for (const Node& node : graph.nodes) {
    Node& after = result.nodes.emplace_back(node);
    follow(after.op, result.tensor(node.outputs[0]).shape, stays[static_cast<size_t>(node.inputs[0])]);
  }
  return result;
}

}  // namespace

Graph prune_channels(const Graph& graph, std::span<const ChannelGroup> groups,
                     const RemovedChannels& removed) {
  Graph result = without(graph, groups, removed, true);
  validate(result);
  return result;
}

Graph shapes_without(const Graph& graph, std::span<const ChannelGroup> groups,
                     const RemovedChannels& removed) {
  return without(graph, groups, removed, false);
}

}  // namespace thimble
