#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "train/fake_quantizer.h"

namespace thimble::train {

/// What a layer with weights takes and should give, summed over every place of its output for all samples.
/// Its input is that of the rounded network, the wanted output that of the float32 one before its activation
/// function. A window of the input is a vector x of a group's `inputs` values in the order of the weights,
/// with a 1 behind them.
struct LayerStatistics {
  double places = 0;           ///< windows that were summed over
  size_t groups = 1;           ///< of a depthwise layer: its input channels
  size_t inputs = 0;           ///< values of a window in one group
  size_t outputs = 0;          ///< output channels of a group
  std::vector<double> gram;    ///< x x^T: groups * (inputs + 1) * (inputs + 1)
  std::vector<double> wanted;  ///< x y^T: groups * (inputs + 1) * outputs
};

/// Changes the constants of a layer, `graph.nodes[node]`, in place.
using LayerFit = std::function<void(Graph& graph, size_t node, const LayerStatistics& statistics)>;

/// Fits a rounded network's layers to the float32 network, one after another: each sees as its input what the
/// layers fitted before it give. `reference` and `network` differ in constants alone, of which `network` may
/// have more. Returns the graph with the constants that `fit` gave it.
Graph fit_layers(const FakeQuantizedGraph& network, const Graph& reference, const data::Dataset& dataset,
                 std::span<const size_t> indices, const LayerFit& fit);

}  // namespace thimble::train
