#pragma once

#include <span>

#include "base/random.h"
#include "compress/prune/granularity.h"
#include "compress/prune/importance.h"
#include "compress/prune/select.h"
#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::prune {

/// Weights of a network's convolutions, depthwise convolutions and dense layers, and how many are zero.
struct Sparsity {
  size_t weights = 0;
  size_t zeros = 0;
};
Sparsity sparsity_of(const Graph& graph);

/// The graph with its least important kernels, blocks or weights at zero, and marked so (kMaskKey): of its
/// weights at most the part options.keep is not zero, each counted once, or with `by_macs` as often as it is
/// multiplied. Layers are those of Sparsity; the last block of a row may be shorter. A unit's importance is
/// the mean of its weights' magnitudes (kL1), the root of the mean of their squares (kL2), both relative to
/// the layer's mean, or what the loss changes by without it for each of its weights (kTaylor); kRandom. What
/// was zero goes first. Ranking::kPerCost weighs against the multiplications that a weight takes part in.
/// Throws Error for a granularity that removes channels, for another criterion, for kTaylor without samples,
/// and with ExitCode::kBudget when options.least does not let as many weights go.
Graph mask_weights(const Graph& graph, Granularity granularity, Criterion criterion,
                   const SelectOptions& options, bool by_macs, const data::Dataset& dataset,
                   std::span<const size_t> indices, Random random);

/// The graph without the channels that nothing reads any more because all weights that would are zero, and
/// without those that only these read, and so on: it computes the same. The last channel of a group stays.
Graph remove_unread_channels(const Graph& graph);

}  // namespace thimble::prune
