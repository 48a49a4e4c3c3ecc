/* TensorFlow Lite's requantization (generic/fixed_point.h) of four sums at a time. */
#ifndef THIMBLE_NEON_REQUANTIZE_S8_H
#define THIMBLE_NEON_REQUANTIZE_S8_H

#include <stdint.h>

#include "../generic/kernel.h"
#include "aarch64.h"

/* x / 2^-exponent, rounded to nearest, ties away from zero; -31 <= exponent <= 0, x not INT32_MIN, which no
 * product below is. SRSHL rounds ties upward: a negative number that is shifted must be one less for them. */
THIMBLE_KERNEL int32x4_t thimble_neon_rounding_shift(int32x4_t x, int32x4_t exponent) {
  return vrshlq_s32(vsraq_n_s32(x, vandq_s32(x, exponent), 31), exponent);
}

/* x * multiplier * 2^-31 * 2^shift. has_left: whether a shift may be positive. */
THIMBLE_KERNEL int32x4_t thimble_neon_multiply(int32x4_t x, int32x4_t multiplier, int32x4_t shift,
                                               int32_t has_left) {
  if (!has_left) return thimble_neon_rounding_shift(vqrdmulhq_s32(x, multiplier), shift);
  const int32x4_t zero = vdupq_n_s32(0);
  const int32x4_t product = vqrdmulhq_s32(vshlq_s32(x, vmaxq_s32(shift, zero)), multiplier);
  return thimble_neon_rounding_shift(product, vminq_s32(shift, zero));
}

/* The same with factors that are known when the kernel is compiled: what they make needless is left out. */
THIMBLE_KERNEL int32x4_t thimble_neon_multiply_by(int32x4_t x, int32_t multiplier, int32_t shift) {
  if (shift > 0) x = vshlq_s32(x, vdupq_n_s32(shift));
  x = vqrdmulhq_s32(x, vdupq_n_s32(multiplier));
  return shift < 0 ? vrshlq_s32(vsraq_n_s32(x, x, 31), vdupq_n_s32(shift)) : x;
}

/* Sixteen scaled sums as int8 outputs: offset and clamped. */
THIMBLE_KERNEL int8x16_t thimble_neon_narrow(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d,
                                             int32_t offset, int32_t low, int32_t high) {
  const int32x4_t add = vdupq_n_s32(offset);
  const int16x8_t ab = vqmovn_high_s32(vqmovn_s32(vaddq_s32(a, add)), vaddq_s32(b, add));
  const int16x8_t cd = vqmovn_high_s32(vqmovn_s32(vaddq_s32(c, add)), vaddq_s32(d, add));
  int8x16_t result = vqmovn_high_s16(vqmovn_s16(ab), cd);
  if (low > INT8_MIN) result = vmaxq_s8(result, vdupq_n_s8((int8_t)low));
  if (high < INT8_MAX) result = vminq_s8(result, vdupq_n_s8((int8_t)high));
  return result;
}

#endif
