#include "compress/redesign/width.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "compress/prune/importance.h"
#include "compress/prune/places.h"
#include "graph/channel_copies.h"
#include "graph/prune_channels.h"

namespace thimble::redesign {
namespace {

using prune::Place;

/// Axes whose copies a reshape would not leave behind each other: others vary faster.
std::set<Place> split_axes(const Graph& graph) {
  std::set<Place> axes;
  for (const Node& node : graph.nodes) {
    if (!std::holds_alternative<Reshape>(node.op)) continue;
    for (const TensorId id : {node.inputs[0], node.outputs[0]}) {
      const Shape& shape = graph.tensor(id).shape;
      int64_t inner = 1;
      for (size_t axis = shape.size(); axis-- > 0;) {
        if (inner > 1) axes.insert({id, static_cast<int32_t>(axis)});
        inner *= shape[axis];
      }
    }
  }
  return axes;
}

/// Weights that are computed, or that something but a layer reads.
std::set<TensorId> unknown_weights(const Graph& graph) {
  std::set<TensorId> unknown;
  std::set<TensorId> others;
  for (const Node& node : graph.nodes) {
    const bool has_weights =
        std::holds_alternative<Conv2D>(node.op) || std::holds_alternative<FullyConnected>(node.op);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const bool is_weights = has_weights && i == 1;
      if (is_weights && !graph.tensor(node.inputs[i]).is_constant()) unknown.insert(node.inputs[i]);
      if (!is_weights) others.insert(node.inputs[i]);
    }
  }
  unknown.merge(others);
  return unknown;
}

/// A single channel is left alone: an extent of 1 can mean that all share it.
bool can_be_widened(const ChannelGroup& group, const std::set<Place>& reading, const std::set<Place>& split,
                    const std::set<TensorId>& unknown) {
  if (!group.locked.empty() || group.channels.size() < 2) return false;
  return std::ranges::none_of(group.channels[0], [&](const ChannelSlot& slot) {
    const Place axis = {slot.tensor, slot.axis};
    return split.contains(axis) || (reading.contains(axis) && unknown.contains(slot.tensor));
  });
}

/// Multiplies the copies that a layer reads by their shares.
void share(Tensor& weights, int32_t axis, const std::vector<double>& shares) {
  size_t inner = 1;
  for (size_t a = static_cast<size_t>(axis) + 1; a < weights.shape.size(); ++a) {
    inner *= static_cast<size_t>(weights.shape[a]);
  }
  const auto values = weights.values<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(values[i] * shares[i / inner % shares.size()]);
  }
}

Graph widen(const Graph& graph, std::span<const ChannelGroup> groups, const ChannelCopies& copies,
            Random random) {
  const IndexCopies indices = index_copies(graph, groups, copies);
  Graph result = with_copies(graph, indices, true);
  const std::set<Place> reading = prune::find_places(graph).readers;
  // Of each index of a reading axis the shares of its copies.
  std::map<Place, std::vector<std::vector<double>>> shares;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t c = 0; c < copies[g].size(); ++c) {
      if (copies[g][c] == 1) continue;
      std::vector<double> parts(static_cast<size_t>(copies[g][c]));
      for (double& part : parts) part = 0.5 + random.uniform();
      const double sum = std::accumulate(parts.begin(), parts.end(), 0.0);
      for (double& part : parts) part /= sum;
      for (const ChannelSlot& slot : groups[g].channels[c]) {
        if (!reading.contains({slot.tensor, slot.axis})) continue;
        auto& of_axis = shares[{slot.tensor, slot.axis}];
        of_axis.resize(static_cast<size_t>(graph.tensor(slot.tensor).shape[static_cast<size_t>(slot.axis)]),
                       {1.0});
        of_axis[static_cast<size_t>(slot.index)] = parts;
      }
    }
  }
  for (const auto& [axis, of_axis] : shares) {
    std::vector<double> all;
    for (const auto& parts : of_axis) all.insert(all.end(), parts.begin(), parts.end());
    share(result.tensor(axis.tensor), axis.axis, all);
  }
  validate(result);
  return result;
}

}  // namespace

Graph scale_width(const Graph& graph, double factor, int multiple, Random random) {
  const auto groups = channel_groups(graph);
  const auto reading = prune::find_places(graph).readers;
  const auto split = split_axes(graph);
  const auto unknown = unknown_weights(graph);
  const bool narrows = factor < 1;
  const prune::Importance importance =
      narrows ? prune::channel_importance(graph, groups, prune::Criterion::kL2, {}, {}, random)
              : prune::Importance();
  RemovedChannels removed(groups.size());
  ChannelCopies copies(groups.size());
  bool changes = false;
  for (size_t g = 0; g < groups.size(); ++g) {
    const bool can_change =
        narrows ? groups[g].locked.empty() : can_be_widened(groups[g], reading, split, unknown);
    if (!can_change) continue;
    const auto now = static_cast<int32_t>(groups[g].channels.size());
    const auto rounded = static_cast<int32_t>(std::lround(now * factor / multiple)) * multiple;
    const int32_t wanted = std::max({rounded, multiple, 1});
    if (narrows ? wanted >= now : wanted <= now) continue;
    changes = true;
    if (narrows) {
      removed[g].resize(static_cast<size_t>(now));
      std::iota(removed[g].begin(), removed[g].end(), 0);
      std::ranges::stable_sort(removed[g], {},
                               [&](int32_t c) { return importance[g][static_cast<size_t>(c)]; });
      removed[g].resize(static_cast<size_t>(now - wanted));
    } else {
      copies[g].assign(static_cast<size_t>(now), 1);
      for (int32_t extra = now; extra < wanted; ++extra) {
        ++copies[g][random.below(static_cast<uint32_t>(now))];
      }
    }
  }
  if (!changes) {
    throw Error(graph.name, fmt::format("has no channels that a width of {} would change", factor),
                "Take a factor farther from 1, or a smaller multiple");
  }
  return narrows ? prune_channels(graph, groups, removed) : widen(graph, groups, copies, random);
}

}  // namespace thimble::redesign
