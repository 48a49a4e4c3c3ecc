#pragma once

#include <functional>
#include <span>

#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::train {

/// Sees the values of an activation for some samples, one sample after another.
using Observer = std::function<void(TensorId id, std::span<const float> values)>;

/// Runs a float32 graph in libtorch on the samples at `indices`, in order and in batches, and shows the
/// observer the graph's input and every activation of each batch. Throws Error as Executor does, when the
/// graph does not take the set's samples, and whatever the observer throws.
void observe(const Graph& graph, const data::Dataset& dataset, std::span<const size_t> indices,
             const Observer& observer);

}  // namespace thimble::train
