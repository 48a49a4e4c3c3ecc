#pragma once

#include <cstddef>

namespace thimble::train {

// One pass over `count` values that share a scale. One thread; the same bits on every call on one kind of
// processor. `lowest` and `highest` are whole numbers.

/// y = scale * clamp(round(x / scale), lowest, highest); halves go to the even neighbour.
void round_to_steps(const float* x, size_t count, float scale, float lowest, float highest, float* y);

/// dx = dy where x is within the range, 0 elsewhere. Returns the slope of the scale: the sum of
/// dy * (round(x / scale) - x / scale) within it and of dy * lowest or highest outside.
double round_to_steps_slopes(const float* x, const float* dy, size_t count, float scale, float lowest,
                             float highest, float* dx);

}  // namespace thimble::train
