#pragma once

#include <torch/torch.h>

#include "train/fake_quantizer.h"

namespace thimble::train {

/// A scale that training has driven to zero or below stays a scale: the network computes with this one, and
/// so does what is made of it.
inline constexpr float kSmallestScale = 1e-9F;

/// The tensor as `quantizer` rounds it with `scales` (a float32 vector of quantizer.scales' size), on the
/// CPU in one pass over memory each way. Gradients are those of LSQ: of x straight through within the range
/// and zero outside it, of a scale divided by sqrt(values of a sample, or weights, that have it * the farther
/// end of the range). `is_batch`: x holds one sample after another, not weights.
torch::Tensor fake_quantize(const torch::Tensor& x, const torch::Tensor& scales,
                            const FakeQuantizer& quantizer, bool is_batch);

}  // namespace thimble::train
