/* tanh(x) = 2 / (1 + exp(-2 x)) - 1 of int16 by sigmoid's table, output scale 1/32768, as TensorFlow Lite
 * computes it. */
#ifndef THIMBLE_GENERIC_TANH_S16_H
#define THIMBLE_GENERIC_TANH_S16_H

#include "sigmoid_s16.h"

/* The output may lie over the input. */
THIMBLE_KERNEL void thimble_tanh_generic_s16(const thimble_sigmoid_parameters* p, const int16_t* input,
                                             const int16_t* table, int16_t* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t x = thimble_sigmoid_input(p, input[i]);
    const int32_t magnitude = x < 0 ? -x : x;
    const int32_t place = magnitude >> 8;
    int32_t result = 32767 * 256; /* Q8.23 */
    if (place < 255) {
      result = table[place] * 256 + (magnitude & 255) * (table[place + 1] - table[place]);
    }
    output[i] = (int16_t)((x < 0 ? 127 - result : result + 128) >> 8);
  }
}

#endif
