#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"

namespace thimble {

/// The key of a graph's metadata that says its weights are masked, and how ("block-1x4"): what is zero among
/// the weights of its layers is no chance of numbers but was removed, and training and rounding leave it at
/// zero. It travels with the model's file.
inline constexpr std::string_view kMaskKey = "thimble.mask";

inline bool is_masked(const Graph& graph) { return graph.metadata.contains(std::string(kMaskKey)); }

}  // namespace thimble
