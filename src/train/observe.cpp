#include "train/observe.h"

#include <algorithm>

#include "train/batches.h"
#include "train/executor.h"
#include "train/tensor_batch.h"

namespace thimble::train {

void observe(const Graph& graph, const data::Dataset& dataset, std::span<const size_t> indices,
             const Observer& observer) {
  expect_input_fits(graph, dataset);
  const Executor executor(graph);
  std::vector<TensorId> activations = graph.inputs;
  for (const Node& node : graph.nodes) activations.push_back(node.outputs[0]);

  const torch::NoGradGuard no_gradients;
  constexpr size_t kBatch = 32;
  for (size_t first = 0; first < indices.size(); first += kBatch) {
    const torch::Tensor inputs[] = {
        tensor_batch(dataset, indices.subspan(first).first(std::min(kBatch, indices.size() - first)))};
    const auto values = executor.run(inputs, activations);
    for (size_t i = 0; i < values.size(); ++i) {
      torch::Tensor dense = values[i].contiguous();
      observer(activations[i], values_of(dense));
    }
  }
}

}  // namespace thimble::train
