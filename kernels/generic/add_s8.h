/* a + b with broadcasting (thimble_broadcast). The output may lie over an operand that is not broadcast. */
#ifndef THIMBLE_GENERIC_ADD_S8_H
#define THIMBLE_GENERIC_ADD_S8_H

#include "fixed_point.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_add_generic_s8(const thimble_add_parameters* p, const int8_t* a, const int8_t* b,
                                           int8_t* output) {
  const thimble_broadcast* const s = &p->shape;
  for (int32_t i = 0; i < s->extent[0]; ++i) {
    for (int32_t j = 0; j < s->extent[1]; ++j) {
      for (int32_t k = 0; k < s->extent[2]; ++k) {
        const int8_t* const row_a = a + i * s->stride_a[0] + j * s->stride_a[1] + k * s->stride_a[2];
        const int8_t* const row_b = b + i * s->stride_b[0] + j * s->stride_b[1] + k * s->stride_b[2];
        THIMBLE_UNROLL
        for (int32_t l = 0; l < s->extent[3]; ++l) {
          const int32_t scaled_a = thimble_multiply_small_by_quantized_multiplier(
              (row_a[l * s->stride_a[3]] + p->offset_a) * ((int32_t)1 << p->left_shift), p->multiplier_a,
              p->shift_a);
          const int32_t scaled_b = thimble_multiply_small_by_quantized_multiplier(
              (row_b[l * s->stride_b[3]] + p->offset_b) * ((int32_t)1 << p->left_shift), p->multiplier_b,
              p->shift_b);
          *output++ =
              thimble_requantize_small(thimble_wrapping_add(scaled_a, scaled_b), p->multiplier_output,
                                       p->shift_output, p->output_offset, p->output_min, p->output_max);
        }
      }
    }
  }
}

#endif
