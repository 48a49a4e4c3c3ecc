/* The larger of a and b with broadcasting (thimble_broadcast). The output may lie over an operand that is not
 * broadcast. */
#ifndef THIMBLE_GENERIC_MAXIMUM_S16_H
#define THIMBLE_GENERIC_MAXIMUM_S16_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_maximum_generic_s16(const thimble_select_parameters* p, const int16_t* a,
                                                const int16_t* b, int16_t* output) {
  const thimble_broadcast* const s = &p->shape;
  for (int32_t i = 0; i < s->extent[0]; ++i) {
    for (int32_t j = 0; j < s->extent[1]; ++j) {
      for (int32_t k = 0; k < s->extent[2]; ++k) {
        const int16_t* const row_a = a + i * s->stride_a[0] + j * s->stride_a[1] + k * s->stride_a[2];
        const int16_t* const row_b = b + i * s->stride_b[0] + j * s->stride_b[1] + k * s->stride_b[2];
        for (int32_t l = 0; l < s->extent[3]; ++l) {
          const int16_t x = row_a[l * s->stride_a[3]];
          const int16_t y = row_b[l * s->stride_b[3]];
          *output++ = x > y ? x : y;
        }
      }
    }
  }
}

#endif
