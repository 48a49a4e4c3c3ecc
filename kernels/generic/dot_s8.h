#ifndef THIMBLE_GENERIC_DOT_S8_H
#define THIMBLE_GENERIC_DOT_S8_H

#include <stdint.h>

#include "kernel.h"

/* Both factors fit 16 bits. Vector units multiply and add pairs of that size; scalar cores would only extend
 * them. */
#if defined(__SSE2__) || defined(__ARM_NEON)
typedef int16_t thimble_factor;
#else
typedef int32_t thimble_factor;
#endif

/* How many output channels, and pixels of each, are computed at a time: an Xtensa's 16 registers do not hold
 * the sums and pointers of four channels. */
#if defined(__xtensa__)
#define THIMBLE_S8_CHANNELS 2
#define THIMBLE_S8_PIXELS 1
#else
#define THIMBLE_S8_CHANNELS 4
#define THIMBLE_S8_PIXELS 2
#endif

/* accumulator + sum over i of (input[i] + offset) * weights[i]; wraps */
THIMBLE_KERNEL int32_t thimble_dot_s8(int32_t accumulator, const int8_t* input, const int8_t* weights,
                                      int32_t count, int32_t offset) {
  uint32_t sum = (uint32_t)accumulator;
  THIMBLE_UNROLL
  for (int32_t i = 0; i < count; ++i) {
    const thimble_factor x = (thimble_factor)(input[i] + offset);
    const thimble_factor w = weights[i];
    sum += (uint32_t)(x * w);
  }
  return (int32_t)sum;
}

#if defined(__xtensa__)

/* The same for THIMBLE_S8_CHANNELS rows of weights that lie `step` apart: each input is loaded and offset
 * once. Unrolled, it would not fit the registers; an LX6's loops cost nothing. */
THIMBLE_KERNEL void thimble_dot_rows_s8(uint32_t* sums, const int8_t* input, const int8_t* weights,
                                        int32_t step, int32_t count, int32_t offset) {
  const int8_t *const w0 = weights, *const w1 = w0 + step;
  uint32_t sum0 = sums[0], sum1 = sums[1];
  for (int32_t i = 0; i < count; ++i) {
    const thimble_factor x = (thimble_factor)(input[i] + offset);
    sum0 += (uint32_t)(x * (thimble_factor)w0[i]);
    sum1 += (uint32_t)(x * (thimble_factor)w1[i]);
  }
  sums[0] = sum0, sums[1] = sum1;
}

/* THIMBLE_S8_CHANNELS rows of weights and THIMBLE_S8_PIXELS inputs that lie `input_step` apart, no offset:
 * the first input's sums come first. */
THIMBLE_KERNEL void thimble_dot_block_s8(uint32_t* sums, const int8_t* input, int32_t input_step,
                                         const int8_t* weights, int32_t step, int32_t count) {
  (void)input_step;
  thimble_dot_rows_s8(sums, input, weights, step, count, 0);
}

#else

THIMBLE_KERNEL void thimble_dot_rows_s8(uint32_t* sums, const int8_t* input, const int8_t* weights,
                                        int32_t step, int32_t count, int32_t offset) {
  const int8_t *const w0 = weights, *const w1 = w0 + step, *const w2 = w1 + step, *const w3 = w2 + step;
  uint32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
  THIMBLE_UNROLL
  for (int32_t i = 0; i < count; ++i) {
    const thimble_factor x = (thimble_factor)(input[i] + offset);
    sum0 += (uint32_t)(x * (thimble_factor)w0[i]);
    sum1 += (uint32_t)(x * (thimble_factor)w1[i]);
    sum2 += (uint32_t)(x * (thimble_factor)w2[i]);
    sum3 += (uint32_t)(x * (thimble_factor)w3[i]);
  }
  sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

THIMBLE_KERNEL void thimble_dot_block_s8(uint32_t* sums, const int8_t* input, int32_t input_step,
                                         const int8_t* weights, int32_t step, int32_t count) {
  const int8_t *const w0 = weights, *const w1 = w0 + step, *const w2 = w1 + step, *const w3 = w2 + step;
  const int8_t* const second = input + input_step;
  uint32_t a0 = sums[0], a1 = sums[1], a2 = sums[2], a3 = sums[3];
  uint32_t b0 = sums[4], b1 = sums[5], b2 = sums[6], b3 = sums[7];
  THIMBLE_UNROLL
  for (int32_t i = 0; i < count; ++i) {
    const thimble_factor a = input[i], b = second[i];
    thimble_factor w = w0[i];
    a0 += (uint32_t)(a * w), b0 += (uint32_t)(b * w);
    w = w1[i];
    a1 += (uint32_t)(a * w), b1 += (uint32_t)(b * w);
    w = w2[i];
    a2 += (uint32_t)(a * w), b2 += (uint32_t)(b * w);
    w = w3[i];
    a3 += (uint32_t)(a * w), b3 += (uint32_t)(b * w);
  }
  sums[0] = a0, sums[1] = a1, sums[2] = a2, sums[3] = a3;
  sums[4] = b0, sums[5] = b1, sums[6] = b2, sums[7] = b3;
}

#endif

#endif
