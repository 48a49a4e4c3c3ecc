#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::train {

/// Sees the gradients of the mean cross-entropy of some samples with respect to a parameter.
using GradientObserver = std::function<void(TensorId parameter, std::span<const float> gradient)>;

/// Shows the gradients of each batch of the samples at `indices`, in order, batch norms using their running
/// statistics. Throws Error as Executor does, and when the graph is no classifier of the set.
void loss_gradients(const Graph& graph, const data::Dataset& dataset, std::span<const size_t> indices,
                    const GradientObserver& observer);

}  // namespace thimble::train
