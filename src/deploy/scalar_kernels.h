#pragma once

#include <optional>
#include <string_view>

#include "deploy/kernel_choice.h"

namespace thimble::deploy {

/// The kernel of kernels/scalar that computes a node on a core, or nothing where there is none that is faster
/// than portable C: of convolutions without groups and of dense layers, in int8, with constant weights.
std::optional<KernelChoice> scalar_kernel(const Graph& graph, const Node& node, std::string_view core);

}  // namespace thimble::deploy
