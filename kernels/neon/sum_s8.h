/* Sums of sixteen channels over places of an image, for pools and means. */
#ifndef THIMBLE_NEON_SUM_S8_H
#define THIMBLE_NEON_SUM_S8_H

#include <stdint.h>

#include "../generic/kernel.h"
#include "aarch64.h"

/* Adds `count` pixels, `stride` bytes apart, of sixteen channels to sums. */
THIMBLE_KERNEL void thimble_neon_add_pixels(int32_t* sums, const int8_t* input, int32_t count,
                                            int32_t stride) {
  while (count > 0) {
    const int32_t part = count < 255 ? count : 255; /* so many int8 fit an int16 */
    int16x8_t low = vdupq_n_s16(0), high = vdupq_n_s16(0);
    for (int32_t i = 0; i < part; ++i, input += stride) {
      const int8x16_t x = vld1q_s8(input);
      low = vaddw_s8(low, vget_low_s8(x));
      high = vaddw_high_s8(high, x);
    }
    vst1q_s32(sums, vaddw_s16(vld1q_s32(sums), vget_low_s16(low)));
    vst1q_s32(sums + 4, vaddw_high_s16(vld1q_s32(sums + 4), low));
    vst1q_s32(sums + 8, vaddw_s16(vld1q_s32(sums + 8), vget_low_s16(high)));
    vst1q_s32(sums + 12, vaddw_high_s16(vld1q_s32(sums + 12), high));
    count -= part;
  }
}

#endif
