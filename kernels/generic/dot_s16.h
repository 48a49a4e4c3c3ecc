/* Dot products of int16 inputs and int8 weights in 64 bits. */
#ifndef THIMBLE_GENERIC_DOT_S16_H
#define THIMBLE_GENERIC_DOT_S16_H

#include <stdint.h>

#include "kernel.h"

/* How many output channels are computed at a time, and how many products, each of at most 2^22, an int32
 * takes. */
#define THIMBLE_S16_CHANNELS 4
#define THIMBLE_S16_PRODUCTS 511

/* sum + input . weights */
THIMBLE_KERNEL int64_t thimble_dot_s16(int64_t sum, const int16_t* input, const int8_t* weights,
                                       int32_t count) {
  int32_t part;
  for (int32_t begin = 0; begin < count; begin += part) {
    int32_t a = 0;
    part = count - begin < THIMBLE_S16_PRODUCTS ? count - begin : THIMBLE_S16_PRODUCTS;
    THIMBLE_UNROLL
    for (int32_t i = begin; i < begin + part; ++i) a += input[i] * weights[i];
    sum += a;
  }
  return sum;
}

/* The same for THIMBLE_S16_CHANNELS rows of weights that lie `step` apart: each input is loaded once. */
THIMBLE_KERNEL void thimble_dot_rows_s16(int64_t* sums, const int16_t* input, const int8_t* weights,
                                         int32_t step, int32_t count) {
  const int8_t *const w0 = weights, *const w1 = w0 + step, *const w2 = w1 + step, *const w3 = w2 + step;
  int32_t part;
  for (int32_t begin = 0; begin < count; begin += part) {
    int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    part = count - begin < THIMBLE_S16_PRODUCTS ? count - begin : THIMBLE_S16_PRODUCTS;
    THIMBLE_UNROLL
    for (int32_t i = begin; i < begin + part; ++i) {
      const int32_t x = input[i];
      a0 += x * w0[i];
      a1 += x * w1[i];
      a2 += x * w2[i];
      a3 += x * w3[i];
    }
    sums[0] += a0, sums[1] += a1, sums[2] += a2, sums[3] += a3;
  }
}

#endif
