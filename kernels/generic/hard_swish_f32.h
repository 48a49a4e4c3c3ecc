/* x * min(max(x + 3, 0), 6) / 6. The output may lie over the input. */
#ifndef THIMBLE_GENERIC_HARD_SWISH_F32_H
#define THIMBLE_GENERIC_HARD_SWISH_F32_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_hard_swish_generic_f32(const thimble_elementwise_parameters* p,
                                                   const float* input, float* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const float x = input[i];
    output[i] = x * thimble_clamp_f32(x + 3.0F, 0.0F, 6.0F) / 6.0F;
  }
}

#endif
