#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace thimble::train {

/// Values of tensors, each row-major with its samples along the first axis.
using Values = std::vector<std::vector<float>>;

/// Runs a float32 graph in libtorch on `batch` samples; inputs[i] holds those of the graph's input i, one
/// after another. Returns the values of the `wanted` tensors. Throws Error as Executor does, and when an
/// input has another size.
Values run_float(const Graph& graph, std::span<const std::span<const float>> inputs, size_t batch,
                 std::span<const TensorId> wanted);

/// The gradients of sum(weights * output) with respect to the graph's inputs and then its parameters, in the
/// order of their ids, with batch norms in training mode. `weights` has the size of the graph's first output
/// for the batch.
struct Gradients {
  Values inputs;
  std::vector<TensorId> parameter_ids;
  Values parameters;
};
Gradients gradients(const Graph& graph, std::span<const std::span<const float>> inputs, size_t batch,
                    std::span<const float> weights);

}  // namespace thimble::train
