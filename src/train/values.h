#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "train/fake_quantizer.h"

namespace thimble::train {

/// The values of one tensor of a network for the samples at `indices`, one sample after another. `threads` of
/// 0 stands for all cores; the result does not depend on it. Throws Error as Executor does, and when the
/// network does not take the set's samples.
std::vector<float> values(const FakeQuantizedGraph& network, TensorId wanted, const data::Dataset& dataset,
                          std::span<const size_t> indices, int threads);

}  // namespace thimble::train
