#include "train/loss_gradients.h"

#include <algorithm>

#include "train/executor.h"
#include "train/objective.h"
#include "train/tensor_batch.h"

namespace thimble::train {

void loss_gradients(const Graph& graph, const data::Dataset& dataset, std::span<const size_t> indices,
                    const GradientObserver& observer) {
  expect_classifier_fits(graph, dataset);
  const Executor executor(graph);
  const Logits logits = logits_of(graph);
  std::vector<torch::Tensor> parameters;
  for (const TensorId id : executor.parameters()) parameters.push_back(executor.constant(id));
  constexpr size_t kBatch = 32;
  for (size_t first = 0; first < indices.size(); first += kBatch) {
    const auto chosen = indices.subspan(first, std::min(kBatch, indices.size() - first));
    const torch::Tensor inputs[] = {tensor_batch(dataset, chosen)};
    const TensorId wanted[] = {logits.tensor};
    const torch::Tensor loss = at::cross_entropy_loss(
        executor.run(inputs, wanted)[0].flatten(1) * logits.scale, label_batch(dataset, chosen));
    const auto found = torch::autograd::grad({loss}, parameters, {}, c10::nullopt, /*create_graph=*/false,
                                             /*allow_unused=*/true);
    for (size_t i = 0; i < found.size(); ++i) {
      if (!found[i].defined()) continue;
      torch::Tensor dense = found[i].contiguous();
      observer(executor.parameters()[i], values_of(dense));
    }
  }
}

}  // namespace thimble::train
