/* Fixed-point arithmetic of TensorFlow Lite's integer kernels (gemmlowp's, with double rounding). Overflow
 * wraps, as it does there. A right shift of a negative number must be arithmetic, as it is in every compiler
 * we know of. */
#ifndef THIMBLE_GENERIC_FIXED_POINT_H
#define THIMBLE_GENERIC_FIXED_POINT_H

#include <stdint.h>

#include "kernel.h"

/* An Xtensa without MULSH calls a function for a product of 64 bits. */
#if defined(__xtensa__)
#if __has_include(<xtensa/config/core-isa.h>)
#include <xtensa/config/core-isa.h>
#endif
#if !defined(XCHAL_HAVE_MUL32_HIGH) || !XCHAL_HAVE_MUL32_HIGH
#define THIMBLE_SPLIT_PRODUCTS 1
#endif
#endif

/* a * b from products of halves: the upper word as it is returned, and the lower one. */
THIMBLE_KERNEL int32_t thimble_split_product(int32_t a, int32_t b, uint32_t* low) {
  const int32_t a1 = a >> 16, b1 = b >> 16, a0 = a & 0xFFFF, b0 = b & 0xFFFF;
  const uint32_t lowest = (uint32_t)a0 * (uint32_t)b0;
  /* Neither overflows: halves are at most 2^15 and 2^16 - 1 in magnitude. */
  const int32_t middle = a1 * b0 + (int32_t)(lowest >> 16);
  const int32_t other = a0 * b1 + (middle & 0xFFFF);
  *low = (uint32_t)other << 16 | (lowest & 0xFFFF);
  return a1 * b1 + (middle >> 16) + (other >> 16);
}

/* a * b: the upper word, and the lower one */
THIMBLE_KERNEL int32_t thimble_product(int32_t a, int32_t b, uint32_t* low) {
#if defined(THIMBLE_SPLIT_PRODUCTS)
  return thimble_split_product(a, b, low);
#else
  const uint64_t product = (uint64_t)((int64_t)a * b);
  *low = (uint32_t)product;
  return (int32_t)(uint32_t)(product >> 32);
#endif
}

THIMBLE_KERNEL int32_t thimble_clamp(int32_t x, int32_t low, int32_t high) {
#if defined(__ARM_FEATURE_SAT) && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 10))
  if (low == -128 && high == 127)
    return (int32_t)__builtin_arm_ssat(x, 8); /* GCC does not find it by itself */
  if (low == -32768 && high == 32767) return (int32_t)__builtin_arm_ssat(x, 16);
#endif
  return x < low ? low : (x > high ? high : x);
}

THIMBLE_KERNEL int32_t thimble_wrapping_add(int32_t a, int32_t b) {
  return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* a * b / 2^31, rounded to nearest, ties upward. One of the two must not be -2^31. Rounding the product's
 * upper 34 bits spares 32-bit cores the carry of a 64-bit addition. */
THIMBLE_KERNEL int32_t thimble_high_multiply(int32_t a, int32_t b) {
  uint32_t low;
  const int32_t high = thimble_product(a, b, &low);
  return (int32_t)(((uint32_t)high << 1) + (((low >> 30) + 1) >> 1));
}

/* x / 2^exponent, rounded to nearest, ties away from zero; 0 <= exponent <= 31, x > -2^31, and x < 2^31 - 1
 * if exponent is 1. The last bit that is shifted out decides; below zero, a tie must not round up. */
THIMBLE_KERNEL int32_t thimble_rounding_shift_right(int32_t x, int32_t exponent) {
  if (exponent == 0) return x;
  return (((x - (x < 0)) >> (exponent - 1)) + 1) >> 1;
}

/* x * 2^exponent, saturating; 0 <= exponent <= 31 */
THIMBLE_KERNEL int32_t thimble_saturating_shift_left(int32_t x, int32_t exponent) {
  const int32_t limit = INT32_MAX >> exponent;
  if (x > limit) return INT32_MAX;
  if (x < -limit - 1) return INT32_MIN;
  return (int32_t)((uint32_t)x << exponent);
}

/* x * multiplier * 2^-31 * 2^shift: TensorFlow Lite's MultiplyByQuantizedMultiplier. multiplier >= 0,
 * -31 <= shift <= 31 */
THIMBLE_KERNEL int32_t thimble_multiply_by_quantized_multiplier(int32_t x, int32_t multiplier,
                                                                int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = shift > 0 ? 0 : -shift;
  return thimble_rounding_shift_right(thimble_high_multiply((int32_t)((uint32_t)x << left), multiplier),
                                      right);
}

/* a * b / 2^31 as above, for -2^30 <= a < 2^30: twice a does not overflow. */
THIMBLE_KERNEL int32_t thimble_high_multiply_small(int32_t a, int32_t b) {
  uint32_t low;
  const int32_t high = thimble_product(a * 2, b, &low);
  /* The same in two instructions fewer. One factor of every addition is this; it is a literal, so that others
   * do not test for it. */
  if (b == (int32_t)1 << 30) return (a >> 1) + (a & 1);
  return (int32_t)((uint32_t)high + (low >> 31));
}

/* x * multiplier * 2^-31 * 2^shift for -2^30 <= x < 2^30, in fewer instructions: nothing overflows before the
 * last shift. */
THIMBLE_KERNEL int32_t thimble_multiply_small_by_quantized_multiplier(int32_t x, int32_t multiplier,
                                                                      int32_t shift) {
  if (shift <= 0) {
    const int32_t high = thimble_high_multiply_small(x, multiplier);
    if (shift == 0) return high;
    return (high - (high < 0) + (int32_t)((uint32_t)1 << (-shift - 1))) >> -shift;
  }
  return thimble_multiply_by_quantized_multiplier(x, multiplier, shift);
}

/* An accumulator as an int8 output: scaled, offset and clamped. */
THIMBLE_KERNEL int8_t thimble_requantize(int32_t x, int32_t multiplier, int32_t shift, int32_t offset,
                                         int32_t low, int32_t high) {
  const int32_t scaled = thimble_multiply_by_quantized_multiplier(x, multiplier, shift);
  return (int8_t)thimble_clamp(thimble_wrapping_add(scaled, offset), low, high);
}

/* The same for -2^30 < x < 2^30 and -128 <= offset <= 255. The offset is added before the last shift where it
 * fits. */
THIMBLE_KERNEL int8_t thimble_requantize_small(int32_t x, int32_t multiplier, int32_t shift, int32_t offset,
                                               int32_t low, int32_t high) {
  int32_t result;
  if (shift < 0 && shift >= -20) {
    const int32_t scaled = thimble_high_multiply_small(x, multiplier);
    const int32_t rounding = ((int32_t)1 << (-shift - 1)) + offset * ((int32_t)1 << -shift);
    result = (scaled - (scaled < 0) + rounding) >> -shift;
  } else {
    result = thimble_multiply_small_by_quantized_multiplier(x, multiplier, shift);
    result = thimble_wrapping_add(result, offset);
  }
  return (int8_t)thimble_clamp(result, low, high);
}

/* What is left of the requantization of x, whose scale is multiplier * 2^-31 * 2^-(shift + 1), when
 * `scaled` is 2x * multiplier * 2^-32 rounded to nearest, ties upward: for |x| < 2^29 and 0 <= shift <= 21.
 * The offset joins the rounding of the last shift. Not clamped yet. */
THIMBLE_KERNEL int32_t thimble_shift_scaled(int32_t scaled, int32_t shift, int32_t offset) {
  const int32_t rounding = (2 * offset + 1) * ((int32_t)1 << shift);
  return (scaled - (scaled < 0) + rounding) >> shift >> 1;
}

THIMBLE_KERNEL int8_t thimble_requantize_scaled(int32_t scaled, int32_t shift, int32_t offset, int32_t low,
                                                int32_t high) {
  return (int8_t)thimble_clamp(thimble_shift_scaled(scaled, shift, offset), low, high);
}

/* A 64-bit accumulator as an int16 output: scaled by multiplier * 2^-31 * 2^shift, of whose multiplier the
 * upper 15 bits count, rounded to nearest, ties upward, and clamped: TensorFlow Lite's
 * MultiplyByQuantizedMultiplier of 64 bits. -2^47 <= x < 2^47, -31 <= shift <= 7 */
THIMBLE_KERNEL int16_t thimble_requantize_wide(int64_t x, int32_t multiplier, int32_t shift, int32_t low,
                                               int32_t high) {
  const int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
  const int32_t right = 15 - shift;
  const uint64_t half = (uint64_t)1 << (right - 1);
  const int64_t scaled = (int64_t)((uint64_t)x * (uint64_t)reduced + half) >> right;
  return (int16_t)(scaled < low ? low : scaled > high ? high : scaled);
}

/* x > 0 */
THIMBLE_KERNEL int32_t thimble_leading_zeros(uint32_t x) {
#if defined(__GNUC__)
  return sizeof(unsigned) == 4 ? __builtin_clz((unsigned)x) : __builtin_clzl((unsigned long)x);
#else
  int32_t zeros = 0;
  while (!(x & 0x80000000U)) {
    x <<= 1;
    ++zeros;
  }
  return zeros;
#endif
}

#endif
