#pragma once

#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "graph/graph.h"

namespace thimble::redesign {

/// A network with layers that were not there before.
struct WithNewLayers {
  Graph graph;
  std::vector<std::string> norms;  ///< batch norms among them, each the identity as yet
};

/// A name that no node of the graph has: the stem, with a number behind it where it must be.
std::string unused_name(const Graph& graph, const std::string& stem);

TensorId add_constant(Graph& graph, std::string name, Shape shape, const std::vector<float>& values);

/// Appends a batch norm that changes nothing: mean 0, variance 1, and a gamma that takes epsilon back.
TensorId append_identity_norm(Graph& graph, TensorId x, const std::string& name);

/// Gives such norms the mean and variance that their inputs have on samples, and gammas and betas that undo
/// them: they still change nothing, and training, which takes the statistics of its batches, begins where the
/// network is.
Graph settle_norms(const WithNewLayers& network, const data::Dataset& dataset,
                   std::span<const size_t> indices);

}  // namespace thimble::redesign
