/* a + b of the same shape, at least 16 elements. The output may lie over an operand. */
#ifndef THIMBLE_NEON_ADD_S8_H
#define THIMBLE_NEON_ADD_S8_H

#include "../generic/add_s8.h"
#include "requantize_s8.h"

THIMBLE_KERNEL int32x4_t thimble_add_neon_sum(const thimble_add_parameters* p, int16x4_t a, int16x4_t b) {
  const int32x4_t left = vdupq_n_s32(p->left_shift);
  const int32x4_t sum =
      vaddq_s32(thimble_neon_multiply_by(vshlq_s32(vaddw_s16(vdupq_n_s32(p->offset_a), a), left),
                                         p->multiplier_a, p->shift_a),
                thimble_neon_multiply_by(vshlq_s32(vaddw_s16(vdupq_n_s32(p->offset_b), b), left),
                                         p->multiplier_b, p->shift_b));
  return thimble_neon_multiply_by(sum, p->multiplier_output, p->shift_output);
}

THIMBLE_KERNEL void thimble_add_neon_s8(const thimble_add_parameters* p, const int8_t* a, const int8_t* b,
                                        int8_t* output) {
  const int32_t count = p->shape.extent[0] * p->shape.extent[1] * p->shape.extent[2] * p->shape.extent[3];
  int32_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const int8x16_t x = vld1q_s8(a + i), y = vld1q_s8(b + i);
    const int16x8_t x_low = vmovl_s8(vget_low_s8(x)), x_high = vmovl_high_s8(x);
    const int16x8_t y_low = vmovl_s8(vget_low_s8(y)), y_high = vmovl_high_s8(y);
    vst1q_s8(output + i,
             thimble_neon_narrow(thimble_add_neon_sum(p, vget_low_s16(x_low), vget_low_s16(y_low)),
                                 thimble_add_neon_sum(p, vget_high_s16(x_low), vget_high_s16(y_low)),
                                 thimble_add_neon_sum(p, vget_low_s16(x_high), vget_low_s16(y_high)),
                                 thimble_add_neon_sum(p, vget_high_s16(x_high), vget_high_s16(y_high)),
                                 p->output_offset, p->output_min, p->output_max));
  }
  if (i < count) {
    thimble_add_parameters rest = *p;
    rest.shape.extent[0] = rest.shape.extent[1] = rest.shape.extent[2] = 1;
    rest.shape.extent[3] = count - i;
    rest.shape.stride_a[3] = rest.shape.stride_b[3] = 1;
    thimble_add_generic_s8(&rest, a + i, b + i, output + i);
  }
}

#endif
