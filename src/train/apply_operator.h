#pragma once

#include <torch/torch.h>

#include <span>

#include "graph/graph.h"

namespace thimble::train {

/// Computes one node on a batch in libtorch, by the definitions of graph/operators.h, differentiably.
/// `inputs` are the node's, in the graph's layouts; activations have their samples along the first axis and,
/// for Add and Mul, the rank of the output. A batch norm uses the mean and variance among its inputs or, when
/// `training`, those of the batch, and then moves these two in place, by `momentum`. Throws Error for an
/// operator that is not defined on float32.
torch::Tensor apply_operator(const Node& node, std::span<const torch::Tensor> inputs,
                             const Shape& output_shape, bool training, double momentum);

/// x after an activation that is fused into an operator.
torch::Tensor activate(const torch::Tensor& x, Activation activation);

}  // namespace thimble::train
