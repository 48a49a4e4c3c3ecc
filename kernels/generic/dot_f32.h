#ifndef THIMBLE_GENERIC_DOT_F32_H
#define THIMBLE_GENERIC_DOT_F32_H

#include <stdint.h>

#include "kernel.h"

/* accumulator + sum over i of input[i] * weights[i], in this order */
THIMBLE_KERNEL float thimble_dot_f32(float accumulator, const float* input, const float* weights,
                                     int32_t count) {
  THIMBLE_UNROLL
  for (int32_t i = 0; i < count; ++i) accumulator += input[i] * weights[i];
  return accumulator;
}

/* The same for four rows of weights that lie `step` apart: each input is loaded once. */
THIMBLE_KERNEL void thimble_dot_4x1_f32(float* sums, const float* input, const float* weights, int32_t step,
                                        int32_t count) {
  const float *const w0 = weights, *const w1 = w0 + step, *const w2 = w1 + step, *const w3 = w2 + step;
  float sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
  THIMBLE_UNROLL
  for (int32_t i = 0; i < count; ++i) {
    const float x = input[i];
    sum0 += x * w0[i];
    sum1 += x * w1[i];
    sum2 += x * w2[i];
    sum3 += x * w3[i];
  }
  sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

/* Four rows of weights, three inputs that lie `input_step` apart: sums[0..3] are the first input's. */
THIMBLE_KERNEL void thimble_dot_4x3_f32(float* sums, const float* input, int32_t input_step,
                                        const float* weights, int32_t step, int32_t count) {
  const float *const w0 = weights, *const w1 = w0 + step, *const w2 = w1 + step, *const w3 = w2 + step;
  const float *const second = input + input_step, *const third = second + input_step;
  float a0 = sums[0], a1 = sums[1], a2 = sums[2], a3 = sums[3];
  float b0 = sums[4], b1 = sums[5], b2 = sums[6], b3 = sums[7];
  float c0 = sums[8], c1 = sums[9], c2 = sums[10], c3 = sums[11];
  THIMBLE_UNROLL
  for (int32_t i = 0; i < count; ++i) {
    const float a = input[i], b = second[i], c = third[i];
    float w = w0[i];
    a0 += a * w, b0 += b * w, c0 += c * w;
    w = w1[i];
    a1 += a * w, b1 += b * w, c1 += c * w;
    w = w2[i];
    a2 += a * w, b2 += b * w, c2 += c * w;
    w = w3[i];
    a3 += a * w, b3 += b * w, c3 += c * w;
  }
  sums[0] = a0, sums[1] = a1, sums[2] = a2, sums[3] = a3;
  sums[4] = b0, sums[5] = b1, sums[6] = b2, sums[7] = b3;
  sums[8] = c0, sums[9] = c1, sums[10] = c2, sums[11] = c3;
}

#endif
