/* Relu and Relu6. The output may lie over the input. */
#ifndef THIMBLE_GENERIC_RELU_F32_H
#define THIMBLE_GENERIC_RELU_F32_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_relu_generic_f32(const thimble_relu_parameters* p, const float* input,
                                             float* output) {
  for (int32_t i = 0; i < p->elements; ++i)
    output[i] = thimble_clamp_f32(input[i], p->float_min, p->float_max);
}

#endif
