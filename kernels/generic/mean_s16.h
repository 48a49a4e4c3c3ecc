/* (outer, reduced, inner) -> (outer, inner): the mean over the middle axis */
#ifndef THIMBLE_GENERIC_MEAN_S16_H
#define THIMBLE_GENERIC_MEAN_S16_H

#include "fixed_point.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_mean_generic_s16(const thimble_mean_parameters* p, const int16_t* input,
                                             int16_t* output) {
  for (int32_t o = 0; o < p->outer; ++o) {
    for (int32_t i = 0; i < p->inner; ++i) {
      const int16_t* const column = input + o * p->reduced * p->inner + i;
      int32_t sum = 0;
      THIMBLE_UNROLL
      for (int32_t r = 0; r < p->reduced; ++r) sum += column[r * p->inner];
      if (p->same_quantization) {
        *output++ = (int16_t)(sum / p->reduced); /* TensorFlow Lite truncates here */
      } else {
        *output++ = (int16_t)thimble_clamp(
            thimble_multiply_by_quantized_multiplier(sum, p->multiplier, p->shift), INT16_MIN, INT16_MAX);
      }
    }
  }
}

#endif
