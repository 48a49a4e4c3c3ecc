#include "graph/channel_copies.h"

#include <cassert>
#include <numeric>

namespace thimble {
namespace {

int32_t count(const std::vector<int32_t>& copies, int32_t end) {
  return std::accumulate(copies.begin(), copies.begin() + end, int32_t{0});
}

/// A constant's elements, each as often as its index on every axis is in the result.
std::vector<std::byte> copied(const Tensor& tensor, const std::vector<std::vector<int32_t>>& copies) {
  std::vector<std::byte> bytes = *tensor.data;
  size_t inner = byte_size(tensor.type, 1);
  for (size_t axis = tensor.shape.size(); axis-- > 0;) {
    // Axes after this one have their new extent already, those before it still the old one.
    const auto& times = copies[axis];
    const auto extent = static_cast<size_t>(tensor.shape[axis]);
    if (times.empty()) {
      inner *= extent;
      continue;
    }
    std::vector<std::byte> result;
    for (size_t at = 0; at < bytes.size(); at += inner) {
      for (int32_t i = 0; i < times[at / inner % extent]; ++i) {
        result.insert(result.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                      bytes.begin() + static_cast<std::ptrdiff_t>(at + inner));
      }
    }
    bytes = std::move(result);
    inner *= static_cast<size_t>(count(times, tensor.shape[axis]));
  }
  return bytes;
}

/// Attributes that name extents follow the shapes.
void follow(Operator& op, const Shape& output, const std::vector<std::vector<int32_t>>& input_copies) {
  if (auto* reshape = std::get_if<Reshape>(&op)) {
    for (size_t axis = 0; axis < output.size(); ++axis) {
      if (reshape->shape[axis] != -1) reshape->shape[axis] = output[axis];
    }
  }
  if (auto* slice = std::get_if<Slice>(&op)) {
    for (size_t axis = 0; axis < output.size(); ++axis) {
      if (!input_copies[axis].empty()) slice->begin[axis] = count(input_copies[axis], slice->begin[axis]);
      slice->size[axis] = output[axis];
    }
  }
}

}  // namespace

IndexCopies index_copies(const Graph& graph, std::span<const ChannelGroup> groups,
                         const ChannelCopies& copies) {
  assert(groups.size() == copies.size());
  IndexCopies result(graph.tensors.size());
  for (size_t id = 0; id < result.size(); ++id) result[id].resize(graph.tensors[id].shape.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t c = 0; c < copies[g].size(); ++c) {
      if (copies[g][c] == 1) continue;
      for (const ChannelSlot& slot : groups[g].channels[c]) {
        const auto axis = static_cast<size_t>(slot.axis);
        auto& times = result[static_cast<size_t>(slot.tensor)][axis];
        if (times.empty()) times.assign(static_cast<size_t>(graph.tensor(slot.tensor).shape[axis]), 1);
        times[static_cast<size_t>(slot.index)] = copies[g][c];
      }
    }
  }
  return result;
}

Graph with_copies(const Graph& graph, const IndexCopies& copies, bool keeps_data) {
  Graph result;
  result.name = graph.name;
  result.inputs = graph.inputs;
  result.outputs = graph.outputs;
  result.metadata = graph.metadata;
  for (size_t id = 0; id < graph.tensors.size(); ++id) {
    const Tensor& before = graph.tensors[id];
    Tensor after = {.name = before.name, .type = before.type, .shape = before.shape};
    for (size_t axis = 0; axis < after.shape.size(); ++axis) {
      if (!copies[id][axis].empty()) after.shape[axis] = count(copies[id][axis], before.shape[axis]);
    }
    if (before.is_constant()) after.data = keeps_data ? copied(before, copies[id]) : std::vector<std::byte>();
    result.tensors.push_back(std::move(after));
  }
  for (const Node& node : graph.nodes) {
    Node& after = result.nodes.emplace_back(node);
    follow(after.op, result.tensor(node.outputs[0]).shape, copies[static_cast<size_t>(node.inputs[0])]);
  }
  return result;
}

}  // namespace thimble
