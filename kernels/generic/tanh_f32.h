/* tanh(x). The output may lie over the input. */
#ifndef THIMBLE_GENERIC_TANH_F32_H
#define THIMBLE_GENERIC_TANH_F32_H

#include <math.h>

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_tanh_generic_f32(const thimble_elementwise_parameters* p, const float* input,
                                             float* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const float x = input[i];
    output[i] = tanhf(x);
  }
}

#endif
