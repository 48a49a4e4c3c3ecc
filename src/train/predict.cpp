#include "train/predict.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "train/batches.h"
#include "train/executor.h"
#include "train/runtime.h"
#include "train/tensor_batch.h"

namespace thimble::train {

std::vector<int32_t> predict(const Graph& graph, const data::Dataset& dataset, int threads,
                             const Progress& progress) {
  return predict(FakeQuantizedGraph{graph, {}}, dataset, threads, progress);
}

std::vector<int32_t> predict(const FakeQuantizedGraph& network, const data::Dataset& dataset, int threads,
                             const Progress& progress) {
  const Graph& graph = network.graph;
  expect_input_fits(graph, dataset);
  const Executor executor(graph, torch::kCPU, Precision::kFloat32, network.quantizers);
  const auto wanted = std::span(graph.outputs).first(1);
  std::vector<size_t> indices(dataset.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  std::vector<int32_t> predictions(dataset.size());

  constexpr size_t kBatch = 64;
  std::mutex reporting;
  size_t done = 0;
  Workers workers(threads);
  workers.run((dataset.size() + kBatch - 1) / kBatch, [&](size_t batch) {
    const torch::NoGradGuard no_gradients;
    const size_t first = batch * kBatch;
    const auto chosen = std::span(indices).subspan(first, std::min(kBatch, dataset.size() - first));
    const torch::Tensor inputs[] = {tensor_batch(dataset, chosen)};
    const torch::Tensor scores =
        executor.run(inputs, wanted)[0].reshape({static_cast<int64_t>(chosen.size()), -1});
    const torch::Tensor classes = scores.argmax(1);
    for (size_t i = 0; i < chosen.size(); ++i) {
      predictions[first + i] = static_cast<int32_t>(classes.data_ptr<int64_t>()[i]);
    }
    if (progress) {
      const std::scoped_lock lock(reporting);
      done += chosen.size();
      progress({"evaluate", done, dataset.size(), "images", ""});
    }
  });
  return predictions;
}

}  // namespace thimble::train
