/* a - b with broadcasting (thimble_broadcast). The output may lie over an operand that is not broadcast. */
#ifndef THIMBLE_GENERIC_SUB_F32_H
#define THIMBLE_GENERIC_SUB_F32_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_sub_generic_f32(const thimble_add_parameters* p, const float* a, const float* b,
                                            float* output) {
  const thimble_broadcast* const s = &p->shape;
  for (int32_t i = 0; i < s->extent[0]; ++i) {
    for (int32_t j = 0; j < s->extent[1]; ++j) {
      for (int32_t k = 0; k < s->extent[2]; ++k) {
        const float* const row_a = a + i * s->stride_a[0] + j * s->stride_a[1] + k * s->stride_a[2];
        const float* const row_b = b + i * s->stride_b[0] + j * s->stride_b[1] + k * s->stride_b[2];
        for (int32_t l = 0; l < s->extent[3]; ++l) {
          *output++ = thimble_clamp_f32(row_a[l * s->stride_a[3]] - row_b[l * s->stride_b[3]], p->float_min,
                                        p->float_max);
        }
      }
    }
  }
}

#endif
