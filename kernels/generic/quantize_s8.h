/* float32 to int8: x / scale rounded to nearest, ties away from zero, plus the zero point; saturates */
#ifndef THIMBLE_GENERIC_QUANTIZE_S8_H
#define THIMBLE_GENERIC_QUANTIZE_S8_H

#include <math.h>

#include "fixed_point.h"
#include "parameters.h"

/* A NaN becomes the zero point. */
THIMBLE_KERNEL void thimble_quantize_generic_s8(const thimble_quantize_parameters* p, const float* input,
                                                int8_t* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    /* Beyond 512 every value saturates, and within it the conversion to int32 is defined. */
    const float scaled = thimble_clamp_f32(input[i] / p->scale, -512.0F, 512.0F);
    const int32_t rounded = scaled == scaled ? (int32_t)roundf(scaled) : 0;
    output[i] = (int8_t)thimble_clamp(rounded + p->zero_point, INT8_MIN, INT8_MAX);
  }
}

#endif
