/* a - b with broadcasting (thimble_broadcast). The output may lie over an operand that is not broadcast. */
#ifndef THIMBLE_GENERIC_SUB_S16_H
#define THIMBLE_GENERIC_SUB_S16_H

#include "fixed_point.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_sub_generic_s16(const thimble_add_parameters* p, const int16_t* a,
                                            const int16_t* b, int16_t* output) {
  const thimble_broadcast* const s = &p->shape;
  for (int32_t i = 0; i < s->extent[0]; ++i) {
    for (int32_t j = 0; j < s->extent[1]; ++j) {
      for (int32_t k = 0; k < s->extent[2]; ++k) {
        const int16_t* const row_a = a + i * s->stride_a[0] + j * s->stride_a[1] + k * s->stride_a[2];
        const int16_t* const row_b = b + i * s->stride_b[0] + j * s->stride_b[1] + k * s->stride_b[2];
        THIMBLE_UNROLL
        for (int32_t l = 0; l < s->extent[3]; ++l) {
          const int32_t scaled_a = thimble_multiply_small_by_quantized_multiplier(
              row_a[l * s->stride_a[3]] * ((int32_t)1 << p->left_shift), p->multiplier_a, p->shift_a);
          const int32_t scaled_b = thimble_multiply_small_by_quantized_multiplier(
              row_b[l * s->stride_b[3]] * ((int32_t)1 << p->left_shift), p->multiplier_b, p->shift_b);
          const int32_t sum = thimble_multiply_by_quantized_multiplier(
              (int32_t)((uint32_t)scaled_a - (uint32_t)scaled_b), p->multiplier_output, p->shift_output);
          *output++ = (int16_t)thimble_clamp(sum, p->output_min, p->output_max);
        }
      }
    }
  }
}

#endif
