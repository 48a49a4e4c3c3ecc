#pragma once

#include <torch/torch.h>

#include <span>

#include "graph/operators.h"

namespace thimble::train {

/// A batch norm in training together with what follows it: activation(norm(x) [+ residual]), differentiably
/// (once), in half the passes over memory that the operators need one by one. `inputs` are BatchNorm's, x and
/// `residual` (undefined: none) of one shape with the channels innermost. The norm takes the mean and
/// variance of the batch and moves those among its inputs in place by `momentum`, as at::batch_norm does.
torch::Tensor training_norm(const BatchNorm& op, std::span<const torch::Tensor> inputs,
                            const torch::Tensor& residual, Activation activation, double momentum);

}  // namespace thimble::train
