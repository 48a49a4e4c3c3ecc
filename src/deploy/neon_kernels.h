#pragma once

#include <optional>

#include "deploy/kernel_choice.h"

namespace thimble::deploy {

/// The kernel of kernels/neon that computes a node of a valid graph, or nothing where none does.
std::optional<KernelChoice> neon_kernel(const Graph& graph, const Node& node);

}  // namespace thimble::deploy
