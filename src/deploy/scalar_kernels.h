#pragma once

#include <string_view>
#include <vector>

#include "deploy/kernel_choice.h"

namespace thimble::deploy {

/// The kernels of kernels/mac16 and kernels/scalar that compute a node on a core, best first; none where
/// portable C is faster. They are of convolutions without groups or dilation, of depthwise ones without
/// multiplier or dilation, and of dense layers, in int8, with constant weights.
std::vector<KernelChoice> scalar_kernels(const Graph& graph, const Node& node, std::string_view core);

}  // namespace thimble::deploy
