#pragma once

#include <cstddef>

#include "graph/operators.h"

namespace thimble::train {

// Passes over an activation of a training batch, as `rows` x `channels` values one after another: a batch
// norm, what is added to its result, and the activation function, in as few readings as the sums allow.
// One thread; the same bits on every call on one kind of processor.

/// The mean and the (biased) variance of each channel.
void channel_moments(const float* x, size_t rows, size_t channels, float* mean, float* variance);

/// y = activation(x * scale + shift [+ residual]); `residual` may be null.
void scale_shift(const float* x, const float* scale, const float* shift, const float* residual,
                 Activation activation, size_t rows, size_t channels, float* y);

/// Of each channel, with dz = dy where the activation let y through: sum(dz) and sum(dz * (x - mean)). Writes
/// dz too unless it is null. `y` is read only where there is an activation.
void slope_sums(const float* x, const float* y, const float* dy, const float* mean, Activation activation,
                size_t rows, size_t channels, float* sum, float* product_sum, float* dz);

/// dx = dz * scale + (x - mean) * slope + shift, dz as above from `y` and `dy`.
void combine_slopes(const float* x, const float* y, const float* dy, const float* mean, const float* scale,
                    const float* slope, const float* shift, Activation activation, size_t rows,
                    size_t channels, float* dx);

}  // namespace thimble::train
