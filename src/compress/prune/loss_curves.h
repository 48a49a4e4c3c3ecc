#pragma once

#include "compress/prune/importance.h"

namespace thimble::prune {

/// The importance of every channel from how the network's error is measured to rise as its group alone loses
/// its smallest channels by `order` (another importance, [group][channel]), `multiple` at a time or an eighth
/// of the group, whichever is more, without recovery. Error is the mean Kullback-Leibler divergence of the
/// class probabilities from the whole network's on the samples at `indices`. A channel's importance is the
/// slope of the greatest convex curve below what was measured, so importance rises in the order given, and
/// that of all groups is in the same unit. Empty for a locked group. `threads` of 0 stands for all cores.
/// Throws Error when there are no samples.
Importance loss_curves(const Graph& graph, std::span<const ChannelGroup> groups, const Importance& order,
                       size_t multiple, const data::Dataset& dataset, std::span<const size_t> indices,
                       int threads);

/// The slopes between neighbours of the greatest convex curve below some points, whose x ascend. `x` and
/// `heights` are of the same size, at least one; the result has one fewer.
std::vector<double> convex_slopes(std::span<const double> x, std::span<const double> heights);

}  // namespace thimble::prune
