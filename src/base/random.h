#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <utility>

namespace thimble {

/// A seeded generator of random numbers whose sequence is the same on every machine and compiler
/// (the standard library's distributions are not): SplitMix64, Steele et al., OOPSLA 2014.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  /// A generator of its own for a named purpose, so that one use does not shift the numbers of another.
  Random fork(uint64_t stream) const { return Random(mix(state_ ^ mix(stream + 0x9e3779b97f4a7c15u))); }

  uint64_t bits() { return mix(state_ += 0x9e3779b97f4a7c15u); }
  /// Uniform in [0, bound); bound > 0.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(((bits() >> 32) * uint64_t{bound}) >> 32); }
  /// Uniform in [low, high], both included.
  int32_t between(int32_t low, int32_t high) {
    const uint64_t count = static_cast<uint64_t>(int64_t{high} - low) + 1;
    return static_cast<int32_t>(low + static_cast<int64_t>(((bits() >> 32) * count) >> 32));
  }
  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  /// Normal with mean 0 and variance 1 (Box and Muller).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * 3.14159265358979323846 * uniform());
  }
  /// A uniform permutation (Fisher and Yates).
  template <typename T>
  void shuffle(std::span<T> values) {
    for (size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[below(static_cast<uint32_t>(i))]);
  }

 private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  uint64_t state_;
};

}  // namespace thimble
