#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "compress/prune/importance.h"
#include "deploy/profile.h"
#include "graph/prune_channels.h"

namespace thimble::prune {

/// How channels of different groups compete.
enum class Ranking : uint8_t {
  kLocal,   ///< every group loses the same part
  kGlobal,  ///< the least important channels of all leave first
  kPerCost  ///< those leave first that are least important for what they save: latency-aware with a cost in
            ///< cycles
};

/// "local", "global" or "per-cost". Throws Error for another name.
Ranking ranking_named(std::string_view name);

/// What a network costs, from its shapes alone: constants hold no bytes (as in shapes_without).
using Cost = std::function<double(const Graph& shapes)>;

/// A network at one of its sizes: its shapes, and the profile of it in any form that keeps its nodes' names.
struct CountedSize {
  Graph shapes;
  deploy::Profile counted;
};

/// The cycles of a network whose layers were counted at one size or more, the whole one first. A layer costs
/// so much for a multiplication, so much for an element that it reads or writes, and so much once: none
/// negative, with the least sum of squared relative errors over the sizes. With one size, it costs in
/// proportion to its multiplications, or to its elements where it multiplies nothing.
Cost cycles_model(std::span<const CountedSize> sizes);

struct SelectOptions {
  Ranking ranking = Ranking::kLocal;
  double keep = 0.5;  ///< of the cost, at most
  double least =
      0.1;  ///< of each group's channels (in a step: of what earlier ones left), at least, rounded up
  /// Of groups by name, the part of the channels that stays; the others stay whole. Empty: `keep` decides.
  std::map<std::string, double> layers = {};
  int multiple = 1;  ///< what stays of a group that is cut is a multiple of it
};

/// The least important channels, so that what stays costs at most keep * cost(graph). Throws Error with
/// ExitCode::kBudget when locked channels, `least` and `multiple` do not let the cost fall that far, and for
/// a layer that names no group.
RemovedChannels select_channels(const Graph& graph, std::span<const ChannelGroup> groups,
                                const Importance& importance, const Cost& cost, const SelectOptions& options);

}  // namespace thimble::prune
