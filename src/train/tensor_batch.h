#pragma once

#include <torch/torch.h>

#include <span>

#include "data/dataset.h"

namespace thimble::train {

/// The samples at `indices` as a float32 tensor, (samples, sample shape...).
torch::Tensor tensor_batch(const data::Dataset& dataset, std::span<const size_t> indices);

/// Their labels, (samples).
torch::Tensor label_batch(const data::Dataset& dataset, std::span<const size_t> indices);

/// An uninitialized tensor for as many samples, and a view of its values.
torch::Tensor empty_batch(const data::Dataset& dataset, size_t samples);
std::span<float> values_of(torch::Tensor& tensor);

}  // namespace thimble::train
