/* 1 / (1 + exp(-x)). The output may lie over the input. */
#ifndef THIMBLE_GENERIC_SIGMOID_F32_H
#define THIMBLE_GENERIC_SIGMOID_F32_H

#include <math.h>

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_sigmoid_generic_f32(const thimble_elementwise_parameters* p, const float* input,
                                                float* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const float x = input[i];
    /* expf of a negative number: no overflow on either side */
    const float e = expf(x < 0 ? x : -x);
    output[i] = (x < 0 ? e : 1.0F) / (1.0F + e);
  }
}

#endif
