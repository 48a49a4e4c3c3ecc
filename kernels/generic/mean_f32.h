/* (outer, reduced, inner) -> (outer, inner): the mean over the middle axis */
#ifndef THIMBLE_GENERIC_MEAN_F32_H
#define THIMBLE_GENERIC_MEAN_F32_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_mean_generic_f32(const thimble_mean_parameters* p, const float* input,
                                             float* output) {
  for (int32_t o = 0; o < p->outer; ++o) {
    for (int32_t i = 0; i < p->inner; ++i) {
      const float* const column = input + o * p->reduced * p->inner + i;
      float sum = 0;
      THIMBLE_UNROLL
      for (int32_t r = 0; r < p->reduced; ++r) sum += column[r * p->inner];
      *output++ = sum / (float)p->reduced;
    }
  }
}

#endif
