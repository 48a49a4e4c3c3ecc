/* float32 to int16: x / scale rounded to nearest, ties away from zero; saturates */
#ifndef THIMBLE_GENERIC_QUANTIZE_S16_H
#define THIMBLE_GENERIC_QUANTIZE_S16_H

#include <math.h>

#include "fixed_point.h"
#include "parameters.h"

/* A NaN becomes 0. */
THIMBLE_KERNEL void thimble_quantize_generic_s16(const thimble_quantize_parameters* p, const float* input,
                                                 int16_t* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    /* Within these bounds, beyond which every value saturates, the conversion to int32 is defined. */
    const float scaled = thimble_clamp_f32(input[i] / p->scale, -65536.0F, 65536.0F);
    const int32_t rounded = scaled == scaled ? (int32_t)roundf(scaled) : 0;
    output[i] = (int16_t)thimble_clamp(rounded, INT16_MIN, INT16_MAX);
  }
}

#endif
