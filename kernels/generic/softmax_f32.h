/* exp(beta * x) / sum exp(beta * x) over each row. The output may lie over the input. */
#ifndef THIMBLE_GENERIC_SOFTMAX_F32_H
#define THIMBLE_GENERIC_SOFTMAX_F32_H

#include <math.h>

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_softmax_generic_f32(const thimble_softmax_parameters* p, const float* input,
                                                float* output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    const float* const in = input + row * p->depth;
    float* const out = output + row * p->depth;
    float largest = in[0];
    float sum = 0;
    for (int32_t i = 1; i < p->depth; ++i) {
      if (in[i] > largest) largest = in[i];
    }
    for (int32_t i = 0; i < p->depth; ++i) {
      out[i] = expf((in[i] - largest) * p->beta);
      sum += out[i];
    }
    for (int32_t i = 0; i < p->depth; ++i) out[i] /= sum;
  }
}

#endif
