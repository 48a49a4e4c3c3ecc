#pragma once

#include "compress/redesign/new_layers.h"
#include "graph/graph.h"

namespace thimble::redesign {

/// A deeper network that computes the same (Chen et al., "Net2Net", ICLR 2016). Its `n` dense convolutions
/// and dense layers that a Relu or Relu6 follows become round(factor * n): behind some of them, evenly spread
/// over the network, stand new layers of the same window, identities as yet, with a batch norm where the
/// layer before has one and the same activation function, which does nothing a second time. Throws Error when
/// `factor` adds no layer.
WithNewLayers deepen(const Graph& graph, double factor);

/// A shallower network. What repeats at one size, residual blocks around an identity and layers that keep
/// their input's shape, is left ceil(factor * n) times of n (the depth multiplier of Tan and Le,
/// "EfficientNet", ICML 2019); the later ones leave. What stays keeps its weights; the network must be
/// trained anew. Throws Error when nothing repeats that could leave.
Graph shorten(const Graph& graph, double factor);

}  // namespace thimble::redesign
