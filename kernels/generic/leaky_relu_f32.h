/* x where it is positive, alpha * x elsewhere. The output may lie over the input. */
#ifndef THIMBLE_GENERIC_LEAKY_RELU_F32_H
#define THIMBLE_GENERIC_LEAKY_RELU_F32_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_leaky_relu_generic_f32(const thimble_leaky_relu_parameters* p, const float* input,
                                                   float* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const float x = input[i];
    output[i] = x > 0 ? x : x * p->alpha;
  }
}

#endif
