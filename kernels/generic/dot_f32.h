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

#endif
