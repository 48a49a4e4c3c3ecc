#pragma once

#include <cstdint>
#include <vector>

#include "base/progress.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "train/fake_quantizer.h"

namespace thimble::train {

/// The class of every sample by a float32 graph in libtorch: the index of the largest element of its first
/// output (the lowest of equals). `threads` of 0 stands for all cores; the result does not depend on it.
/// Throws Error as Executor does, and when the graph does not take the set's samples.
std::vector<int32_t> predict(const Graph& graph, const data::Dataset& dataset, int threads,
                             const Progress& progress = {});

/// The same of a network that rounds as its quantizers say.
std::vector<int32_t> predict(const FakeQuantizedGraph& network, const data::Dataset& dataset, int threads,
                             const Progress& progress = {});

}  // namespace thimble::train
