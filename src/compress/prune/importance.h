#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "compress/prune/granularity.h"
#include "data/dataset.h"
#include "graph/channel_groups.h"
#include "graph/graph.h"

namespace thimble::prune {

/// By what a channel is judged.
enum class Criterion : uint8_t {
  kL1,         ///< sum of the absolute weights of its filter (Li et al., ICLR 2017)
  kL2,         ///< Euclidean norm of its filter
  kNormScale,  ///< |gamma| of its batch norm (Liu et al., "Network slimming", ICCV 2017)
  kTaylor,     ///< what the loss changes by, to first order, without it (Molchanov et al., CVPR 2019)
  kLoss,    ///< what the loss is measured to rise by as the group loses its smallest channels (loss_curves.h)
  kFpgm,    ///< distance of its filter from the layer's others (He et al., CVPR 2019)
  kRandom,  ///< nothing: to be compared with
};

/// "l1", "l2", "norm-scale", "taylor", "loss", "fpgm" or "random". Throws Error for another name.
Criterion criterion_named(std::string_view name);

/// [group][channel], not negative; of a locked group empty.
using Importance = std::vector<std::vector<double>>;

/// The importance of every channel that can be removed. All but kTaylor are relative to the mean of the layer
/// (and averaged over the layers that a channel belongs to), so that channels of different layers can be
/// compared; kTaylor is in squares of the loss and can be as it is. kTaylor reads the samples at `indices` of
/// the set, the others do not look at them. With Granularity::kChannel it is the weights that read a channel
/// that are judged, not those that compute it. Throws Error when there are no samples for kTaylor, and when
/// kNormScale meets a group without a batch norm. kLoss is not judged here: loss_curves is.
Importance channel_importance(const Graph& graph, std::span<const ChannelGroup> groups, Criterion criterion,
                              const data::Dataset& dataset, std::span<const size_t> indices, Random random,
                              Granularity granularity = Granularity::kFilter);

}  // namespace thimble::prune
