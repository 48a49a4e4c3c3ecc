/* 1 / (1 + exp(-x)) of int16 by a table, output scale 1/32768, as TensorFlow Lite computes it. */
#ifndef THIMBLE_GENERIC_SIGMOID_S16_H
#define THIMBLE_GENERIC_SIGMOID_S16_H

#include "kernel.h"
#include "parameters.h"

/* (x * multiplier) / 2^right_shift, rounded to nearest, ties upward: in 12288ths */
THIMBLE_KERNEL int32_t thimble_sigmoid_input(const thimble_sigmoid_parameters* p, int16_t x) {
  const int32_t half = p->right_shift > 0 ? (int32_t)1 << (p->right_shift - 1) : 0;
  return (x * p->multiplier + half) >> p->right_shift;
}

/* table: 65536 / (1 + exp(-i / 24)) - 32768 for i = 0 ... 255. The output may lie over the input. */
THIMBLE_KERNEL void thimble_sigmoid_generic_s16(const thimble_sigmoid_parameters* p, const int16_t* input,
                                                const int16_t* table, int16_t* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t x = thimble_sigmoid_input(p, input[i]);
    const int32_t magnitude = x < 0 ? -x : x;
    const int32_t place = magnitude >> 9;
    int32_t result = 0x7FFF * 1024; /* Q6.25 */
    if (place < 255) {
      result = (table[place] + 32768) * 512 + (magnitude & 511) * (table[place + 1] - table[place]);
    }
    output[i] = (int16_t)((x < 0 ? ((int32_t)1 << 25) - result + 511 : result + 512) >> 10);
  }
}

#endif
