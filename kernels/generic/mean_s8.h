/* (outer, reduced, inner) -> (outer, inner): the mean over the middle axis */
#ifndef THIMBLE_GENERIC_MEAN_S8_H
#define THIMBLE_GENERIC_MEAN_S8_H

#include "fixed_point.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_mean_generic_s8(const thimble_mean_parameters* p, const int8_t* input,
                                            int8_t* output) {
  for (int32_t o = 0; o < p->outer; ++o) {
    for (int32_t i = 0; i < p->inner; ++i) {
      const int8_t* const column = input + o * p->reduced * p->inner + i;
      int32_t sum = 0;
      THIMBLE_UNROLL
      for (int32_t r = 0; r < p->reduced; ++r) sum += column[r * p->inner];
      if (p->same_quantization) {
        *output++ = (int8_t)(sum / p->reduced); /* TensorFlow Lite truncates here */
      } else {
        *output++ = thimble_requantize(sum + p->reduced * p->input_offset, p->multiplier, p->shift,
                                       p->output_offset, INT8_MIN, INT8_MAX);
      }
    }
  }
}

#endif
