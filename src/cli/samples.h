#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace thimble::cli {

/// Samples for a graph, each the bytes of all its inputs: random over the whole range of int8, or within [0,
/// 1].
std::vector<std::vector<std::byte>> random_inputs(const Graph& graph, size_t count, uint64_t seed);

/// Samples of a data set's test split, evenly over the classes. Throws Error when the graph does not take
/// them.
std::vector<std::vector<std::byte>> dataset_inputs(const Graph& graph, std::string_view data, size_t count,
                                                   uint64_t seed);

}  // namespace thimble::cli
