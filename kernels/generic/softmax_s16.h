/* Softmax of int16 by tables, output scale 1/32768, as TensorFlow Lite computes it. Qm.n is an integer of m
 * integer and n fractional bits. */
#ifndef THIMBLE_GENERIC_SOFTMAX_S16_H
#define THIMBLE_GENERIC_SOFTMAX_S16_H

#include "fixed_point.h"
#include "parameters.h"

#define THIMBLE_SOFTMAX_TABLE 513

/* A table of a function at every 128th int16, and straight lines between; x saturates */
THIMBLE_KERNEL int32_t thimble_interpolate_s16(const int16_t* table, int32_t x) {
  const int32_t place = thimble_clamp(x, INT16_MIN, INT16_MAX) + 32768;
  const int16_t* const base = table + (place >> 7);
  return base[0] + (((base[1] - base[0]) * (place & 127) + 64) >> 7);
}

/* tables: exp(x) over [-10, 0], then 1 / (1 + x) over [0, 1], both in Q0.15. The output may lie over the
 * input: it holds each exponential before the quotient. */
THIMBLE_KERNEL void thimble_softmax_generic_s16(const thimble_softmax_parameters* p, const int16_t* input,
                                                const int16_t* tables, int16_t* output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    const int16_t* const in = input + row * p->depth;
    int16_t* const out = output + row * p->depth;
    int32_t largest = in[0];
    uint32_t sum = 0; /* Q17.15 */
    int32_t leading_zeros, normalized, reciprocal, shift;
    for (int32_t i = 1; i < p->depth; ++i) {
      if (in[i] > largest) largest = in[i];
    }
    for (int32_t i = 0; i < p->depth; ++i) {
      const int32_t scaled =
          thimble_multiply_by_quantized_multiplier(in[i] - largest, p->input_multiplier, p->input_left_shift);
      const int32_t exponential = thimble_interpolate_s16(tables, scaled + INT16_MAX);
      out[i] = (int16_t)exponential;
      sum += (uint32_t)exponential;
    }
    leading_zeros = thimble_leading_zeros(sum);
    normalized = (int32_t)(((sum << (leading_zeros - 1)) + ((uint32_t)1 << 13)) >> 14); /* in [2^16, 2^17] */
    reciprocal = thimble_interpolate_s16(tables + THIMBLE_SOFTMAX_TABLE, normalized - 3 * 32768);
    shift = 31 - leading_zeros;
    for (int32_t i = 0; i < p->depth; ++i) {
      const int32_t quotient = (out[i] * reciprocal + ((int32_t)1 << (shift - 1))) >> shift;
      out[i] = (int16_t)thimble_clamp(quotient, 0, INT16_MAX);
    }
  }
}

#endif
