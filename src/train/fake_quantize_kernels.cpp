#include "train/fake_quantize_kernels.h"

#include <algorithm>

#include "train/processor_versions.h"

namespace thimble::train {
namespace {

constexpr size_t kLanes = 16;  // sums that do not wait for each other
constexpr size_t kBlock = 1024;

/// Rounds |v| < 2^22: beyond 1.5 * 2^23 a float32 has no digits after the point.
[[gnu::always_inline]] inline float rounded(float v) {
  constexpr float kShift = 12582912.0F;
  return (v + kShift) - kShift;
}

[[gnu::always_inline]] inline float clamped(float v, float lowest, float highest) {
  return std::min(std::max(v, lowest), highest);
}

}  // namespace

THIMBLE_VERSIONS
void round_to_steps(const float* x, size_t count, float scale, float lowest, float highest, float* y) {
  const float inverse = 1 / scale;
  for (size_t i = 0; i < count; ++i) y[i] = rounded(clamped(x[i] * inverse, lowest, highest)) * scale;
}

THIMBLE_VERSIONS
double round_to_steps_slopes(const float* x, const float* dy, size_t count, float scale, float lowest,
                             float highest, float* dx) {
  const float inverse = 1 / scale;
  double sum = 0;
  const auto step = [&](size_t i, float& lane) __attribute__((always_inline)) {
    const float v = x[i] * inverse;
    const float within = clamped(v, lowest, highest);
    const bool is_inside = v == within;
    dx[i] = is_inside ? dy[i] : 0.0F;
    lane += dy[i] * (rounded(within) - (is_inside ? v : 0.0F));
  };
  // In floats over what stays in the first cache, then in doubles.
  for (size_t begin = 0; begin < count; begin += kBlock) {
    const size_t end = std::min(count, begin + kBlock);
    float lanes[kLanes] = {};
    size_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) step(i + lane, lanes[lane]);
    }
    for (; i < end; ++i) step(i, lanes[0]);
    for (const float lane : lanes) sum += lane;
  }
  return sum;
}

}  // namespace thimble::train
