/* The input's elements in the order of any walk over them (thimble_strided_copy_parameters) */
#ifndef THIMBLE_GENERIC_STRIDED_COPY_S16_H
#define THIMBLE_GENERIC_STRIDED_COPY_S16_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_strided_copy_generic_s16(const thimble_strided_copy_parameters* p,
                                                     const int16_t* input, int16_t* output) {
  for (int32_t i = 0; i < p->extent[0]; ++i) {
    for (int32_t j = 0; j < p->extent[1]; ++j) {
      for (int32_t k = 0; k < p->extent[2]; ++k) {
        for (int32_t l = 0; l < p->extent[3]; ++l) {
          for (int32_t m = 0; m < p->extent[4]; ++m) {
            const int16_t* const run = input + p->start + i * p->stride[0] + j * p->stride[1] +
                                       k * p->stride[2] + l * p->stride[3] + m * p->stride[4];
            for (int32_t n = 0; n < p->extent[5]; ++n) *output++ = run[n * p->stride[5]];
          }
        }
      }
    }
  }
}

#endif
