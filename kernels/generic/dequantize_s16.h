/* int16 to float32: scale * (x - zero point) */
#ifndef THIMBLE_GENERIC_DEQUANTIZE_S16_H
#define THIMBLE_GENERIC_DEQUANTIZE_S16_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_dequantize_generic_s16(const thimble_dequantize_parameters* p,
                                                   const int16_t* input, float* output) {
  for (int32_t i = 0; i < p->elements; ++i) output[i] = p->scale * (float)(input[i] - p->zero_point);
}

#endif
