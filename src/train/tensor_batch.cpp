#include "train/tensor_batch.h"

#include "train/batches.h"

namespace thimble::train {

torch::Tensor tensor_batch(const data::Dataset& dataset, std::span<const size_t> indices) {
  torch::Tensor batch = empty_batch(dataset, indices.size());
  read_batch(dataset, indices, values_of(batch));
  return batch;
}

torch::Tensor label_batch(const data::Dataset& dataset, std::span<const size_t> indices) {
  torch::Tensor labels = torch::empty({static_cast<int64_t>(indices.size())}, torch::kInt64);
  for (size_t i = 0; i < indices.size(); ++i) labels.data_ptr<int64_t>()[i] = dataset.labels[indices[i]];
  return labels;
}

torch::Tensor empty_batch(const data::Dataset& dataset, size_t samples) {
  std::vector<int64_t> shape = {static_cast<int64_t>(samples)};
  shape.insert(shape.end(), dataset.sample_shape.begin(), dataset.sample_shape.end());
  return torch::empty(shape);
}

std::span<float> values_of(torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

}  // namespace thimble::train
