#include "train/norm_kernels.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "train/processor_versions.h"

#define THIMBLE_INLINE [[gnu::always_inline]] inline

namespace thimble::train {
namespace {

/// Eight neighbouring channels. The channels that are left over are taken one by one, as V = float.
using Lanes = float __attribute__((vector_size(32)));

template <typename V>
inline constexpr size_t kWidth = sizeof(V) / sizeof(float);

template <typename V>
THIMBLE_INLINE void load(const float* from, V& v) {
  std::memcpy(&v, from, sizeof v);
}

template <typename V>
THIMBLE_INLINE void store(const V& v, float* to) {
  std::memcpy(to, &v, sizeof v);
}

template <typename V>
THIMBLE_INLINE void fill(V& v, float value) {
  v = V{} + value;
}

template <Activation kActivation, typename V>
THIMBLE_INLINE void activate(V& v) {
  if constexpr (kActivation == Activation::kNone) return;
  v = v > 0 ? v : V{};
  if constexpr (kActivation == Activation::kRelu6) {
    V six;
    fill(six, 6);
    v = v < 6 ? v : six;
  }
}

/// dz of one place.
template <Activation kActivation, typename V>
THIMBLE_INLINE void load_slope(const float* y, const float* dy, V& dz) {
  load(dy, dz);
  if constexpr (kActivation == Activation::kNone) return;
  V value;
  load(y, value);
  dz = value > 0 ? dz : V{};
  if constexpr (kActivation == Activation::kRelu6) dz = value < 6 ? dz : V{};
}

/// Calls body(type_identity<V>, channel) for each group of channels.
template <typename Body>
THIMBLE_INLINE void for_channels(size_t channels, Body&& body) {
  size_t c = 0;
  for (; c + kWidth<Lanes> <= channels; c += kWidth<Lanes>) body(std::type_identity<Lanes>{}, c);
  for (; c < channels; ++c) body(std::type_identity<float>{}, c);
}

/// Adds up two values a place over all rows: in floats over rows that stay in the first cache, then in
/// doubles. term(V& first, V& second, channel, place) gives the two.
template <typename Term>
THIMBLE_INLINE void two_sums(size_t rows, size_t channels, double* first_sum, double* second_sum,
                             Term&& term) {
  constexpr size_t kRows = 64;
  constexpr size_t kChains = 4;  // sums that do not wait for each other
  std::fill_n(first_sum, channels, 0.0);
  std::fill_n(second_sum, channels, 0.0);
  for (size_t begin = 0; begin < rows; begin += kRows) {
    const size_t end = std::min(rows, begin + kRows);
    for_channels(
        channels, [&](auto group, size_t c) __attribute__((always_inline)) {
          using V = typename decltype(group)::type;
          V first[kChains] = {};
          V second[kChains] = {};
          V a;
          V b;
          size_t row = begin;
          for (; row + kChains <= end; row += kChains) {
            for (size_t chain = 0; chain < kChains; ++chain) {
              term(a, b, c, (row + chain) * channels + c);
              first[chain] += a;
              second[chain] += b;
            }
          }
          for (; row < end; ++row) {
            term(a, b, c, row * channels + c);
            first[0] += a;
            second[0] += b;
          }
          float sums[kWidth<V>];
          store((first[0] + first[1]) + (first[2] + first[3]), sums);
          for (size_t i = 0; i < kWidth<V>; ++i) first_sum[c + i] += sums[i];
          store((second[0] + second[1]) + (second[2] + second[3]), sums);
          for (size_t i = 0; i < kWidth<V>; ++i) second_sum[c + i] += sums[i];
        });
  }
}

template <Activation kActivation, bool kResidual>
THIMBLE_INLINE void scale_shift_as(const float* x, const float* scale, const float* shift,
                                   const float* residual, size_t rows, size_t channels, float* y) {
  for (size_t row = 0; row < rows; ++row) {
    for_channels(
        channels, [&](auto group, size_t c) __attribute__((always_inline)) {
          using V = typename decltype(group)::type;
          const size_t place = row * channels + c;
          V value;
          V a;
          V b;
          load(x + place, value);
          load(scale + c, a);
          load(shift + c, b);
          value = value * a + b;
          if constexpr (kResidual) {
            load(residual + place, a);
            value += a;
          }
          activate<kActivation>(value);
          store(value, y + place);
        });
  }
}

template <Activation kActivation, bool kWrites>
THIMBLE_INLINE void slope_sums_as(const float* x, const float* y, const float* dy, const float* mean,
                                  size_t rows, size_t channels, double* sum, double* product, float* dz) {
  two_sums(
      rows, channels, sum,
      product, [&](auto& a, auto& b, size_t c, size_t place) __attribute__((always_inline)) {
        load_slope<kActivation>(y + place, dy + place, a);
        if constexpr (kWrites) store(a, dz + place);
        auto center = a;
        load(x + place, b);
        load(mean + c, center);
        b = (b - center) * a;
      });
}

template <Activation kActivation>
THIMBLE_INLINE void combine_slopes_as(const float* x, const float* y, const float* dy, const float* mean,
                                      const float* scale, const float* slope, const float* shift, size_t rows,
                                      size_t channels, float* dx) {
  for (size_t row = 0; row < rows; ++row) {
    for_channels(
        channels, [&](auto group, size_t c) __attribute__((always_inline)) {
          using V = typename decltype(group)::type;
          const size_t place = row * channels + c;
          V dz;
          V value;
          V a;
          load_slope<kActivation>(y + place, dy + place, dz);
          load(scale + c, a);
          dz *= a;
          load(x + place, value);
          load(mean + c, a);
          value -= a;
          load(slope + c, a);
          dz += value * a;
          load(shift + c, a);
          store(dz + a, dx + place);
        });
  }
}

}  // namespace

THIMBLE_VERSIONS
void channel_moments(const float* x, size_t rows, size_t channels, float* mean, float* variance) {
  std::vector<double> sums(2 * channels);
  // Sums of differences from the first row lose no digits where the mean is far from zero.
  two_sums(
      rows, channels, sums.data(),
      sums.data() + channels, [&](auto& a, auto& b, size_t c, size_t place) __attribute__((always_inline)) {
        load(x + place, a);
        load(x + c, b);
        a -= b;
        b = a * a;
      });
  for (size_t c = 0; c < channels; ++c) {
    const double offset = sums[c] / static_cast<double>(rows);
    mean[c] = static_cast<float>(x[c] + offset);
    variance[c] =
        static_cast<float>(std::max(0.0, sums[channels + c] / static_cast<double>(rows) - offset * offset));
  }
}

THIMBLE_VERSIONS
void scale_shift(const float* x, const float* scale, const float* shift, const float* residual,
                 Activation activation, size_t rows, size_t channels, float* y) {
  const auto as = [&]<bool kResidual>() __attribute__((always_inline)) {
    switch (activation) {
      case Activation::kNone:
        return scale_shift_as<Activation::kNone, kResidual>(x, scale, shift, residual, rows, channels, y);
      case Activation::kRelu:
        return scale_shift_as<Activation::kRelu, kResidual>(x, scale, shift, residual, rows, channels, y);
      case Activation::kRelu6:
        return scale_shift_as<Activation::kRelu6, kResidual>(x, scale, shift, residual, rows, channels, y);
    }
  };
  residual == nullptr ? as.template operator()<false>() : as.template operator()<true>();
}

THIMBLE_VERSIONS
void slope_sums(const float* x, const float* y, const float* dy, const float* mean, Activation activation,
                size_t rows, size_t channels, float* sum, float* product_sum, float* dz) {
  std::vector<double> sums(2 * channels);
  double* const first = sums.data();
  double* const second = sums.data() + channels;
  const auto as = [&]<bool kWrites>() __attribute__((always_inline)) {
    switch (activation) {
      case Activation::kNone:
        return slope_sums_as<Activation::kNone, kWrites>(x, y, dy, mean, rows, channels, first, second, dz);
      case Activation::kRelu:
        return slope_sums_as<Activation::kRelu, kWrites>(x, y, dy, mean, rows, channels, first, second, dz);
      case Activation::kRelu6:
        return slope_sums_as<Activation::kRelu6, kWrites>(x, y, dy, mean, rows, channels, first, second, dz);
    }
  };
  dz == nullptr ? as.template operator()<false>() : as.template operator()<true>();
  std::copy_n(first, channels, sum);
  std::copy_n(second, channels, product_sum);
}

THIMBLE_VERSIONS
void combine_slopes(const float* x, const float* y, const float* dy, const float* mean, const float* scale,
                    const float* slope, const float* shift, Activation activation, size_t rows,
                    size_t channels, float* dx) {
  switch (activation) {
    case Activation::kNone:
      return combine_slopes_as<Activation::kNone>(x, y, dy, mean, scale, slope, shift, rows, channels, dx);
    case Activation::kRelu:
      return combine_slopes_as<Activation::kRelu>(x, y, dy, mean, scale, slope, shift, rows, channels, dx);
    case Activation::kRelu6:
      return combine_slopes_as<Activation::kRelu6>(x, y, dy, mean, scale, slope, shift, rows, channels, dx);
  }
}

}  // namespace thimble::train
