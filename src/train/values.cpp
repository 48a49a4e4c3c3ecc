#include "train/values.h"

#include <algorithm>
#include <cstring>

#include "train/batches.h"
#include "train/executor.h"
#include "train/runtime.h"
#include "train/tensor_batch.h"

namespace thimble::train {

std::vector<float> values(const FakeQuantizedGraph& network, TensorId wanted, const data::Dataset& dataset,
                          std::span<const size_t> indices, int threads) {
  expect_input_fits(network.graph, dataset);
  const Executor executor(network.graph, torch::kCPU, Precision::kFloat32, network.quantizers);
  const size_t elements = network.graph.tensor(wanted).elements();
  std::vector<float> result(indices.size() * elements);
  constexpr size_t kBatch = 32;
  Workers workers(threads);
  workers.run((indices.size() + kBatch - 1) / kBatch, [&](size_t batch) {
    const torch::NoGradGuard no_gradients;
    const auto chosen = indices.subspan(batch * kBatch, std::min(kBatch, indices.size() - batch * kBatch));
    const torch::Tensor inputs[] = {tensor_batch(dataset, chosen)};
    const TensorId ids[] = {wanted};
    const torch::Tensor found = executor.run(inputs, ids)[0].contiguous();
    std::memcpy(result.data() + batch * kBatch * elements, found.data_ptr<float>(),
                static_cast<size_t>(found.numel()) * sizeof(float));
  });
  return result;
}

}  // namespace thimble::train
