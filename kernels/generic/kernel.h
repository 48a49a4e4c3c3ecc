/* What every kernel starts from: how it is declared, and small helpers of the float kernels. */
#ifndef THIMBLE_GENERIC_KERNEL_H
#define THIMBLE_GENERIC_KERNEL_H

#include <stdint.h>

/* A kernel is inlined into each layer's function, where its parameters are constants: the compiler
 * specializes it. */
#if defined(__GNUC__)
#define THIMBLE_KERNEL static inline __attribute__((always_inline, unused))
#else
#define THIMBLE_KERNEL static inline
#endif

/* Scratch that is written by halves and read by words */
#if defined(__GNUC__)
typedef uint32_t __attribute__((may_alias)) thimble_word;
typedef int16_t __attribute__((may_alias)) thimble_half;
#else
typedef uint32_t thimble_word;
typedef int16_t thimble_half;
#endif

/* Before an inner loop of a few instructions. Vector units need it less, and unroll by themselves. */
#if defined(__GNUC__) && !defined(__clang__)
#define THIMBLE_UNROLL _Pragma("GCC unroll 4")
#else
#define THIMBLE_UNROLL
#endif

THIMBLE_KERNEL float thimble_clamp_f32(float x, float low, float high) {
  return x < low ? low : (x > high ? high : x);
}

#endif
