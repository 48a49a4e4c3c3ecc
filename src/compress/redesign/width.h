#pragma once

#include "base/random.h"
#include "graph/graph.h"

namespace thimble::redesign {

/// A network whose channels are `factor` times as many, rounded to the nearest multiple of `multiple`: every
/// group of channels that can leave together (channel_groups) alike. What is locked keeps its width.
///
/// Above 1 it computes what it did (Chen et al., "Net2Net", ICLR 2016): new channels are copies of random
/// ones, and what reads a channel and its copies has its weights divided among them. The shares differ, so
/// that training moves copies apart. Below 1 the channels with the smallest L2 norms leave, as prune::prune
/// removes them. Throws Error when no group can change.
Graph scale_width(const Graph& graph, double factor, int multiple, Random random);

}  // namespace thimble::redesign
