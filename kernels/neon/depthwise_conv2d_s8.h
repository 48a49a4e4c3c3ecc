/* (H, W, C) x (1, KH, KW, C) + (C) -> (OH, OW, C), C at least 16, multiplier 1 */
#ifndef THIMBLE_NEON_DEPTHWISE_CONV2D_S8_H
#define THIMBLE_NEON_DEPTHWISE_CONV2D_S8_H

#include <string.h>

#include "../generic/parameters.h"
#include "requantize_s8.h"

/* One tap, or two, of sixteen channels: no weight is -128, so that two products fit an int16. */
THIMBLE_KERNEL void thimble_depthwise_neon_add(int32x4_t* sums, int16x8_t low, int16x8_t high) {
  sums[0] = vaddw_s16(sums[0], vget_low_s16(low));
  sums[1] = vaddw_high_s16(sums[1], low);
  sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
  sums[3] = vaddw_high_s16(sums[3], high);
}

/* bias may be NULL. multipliers and shifts have one entry a channel. No weight is -128. scratch, aligned to
 * 4: 4 bytes, 8 for each tap, and 5 for each channel. has_left:
 * whether a shift may be positive. */
THIMBLE_KERNEL void thimble_depthwise_conv2d_neon_s8(const thimble_depthwise_conv2d_parameters* p,
                                                     const int8_t* input, const int8_t* weights,
                                                     const int32_t* bias, const int32_t* multipliers,
                                                     const int32_t* shifts, void* scratch, int32_t has_left,
                                                     int8_t* output) {
  const int32_t channels = p->input_c;
  const int32_t taps = p->kernel_h * p->kernel_w;
  const int8_t** const places = (const int8_t**)(((uintptr_t)scratch + 7) / 8 * 8);
  int32_t* const starts = (int32_t*)(places + taps);
  int8_t* const outside = (int8_t*)(starts + channels); /* a pixel of the zero point */
  memset(outside, -p->input_offset, (size_t)channels);
  for (int32_t c = 0; c < channels; ++c) {
    int32_t sum = 0;
    for (int32_t t = 0; t < taps; ++t) sum += weights[t * channels + c];
    starts[c] = (int32_t)((uint32_t)sum * (uint32_t)p->input_offset + (bias ? (uint32_t)bias[c] : 0));
  }
  for (int32_t y = 0; y < p->output_h; ++y) {
    for (int32_t x = 0; x < p->output_w; ++x) {
      for (int32_t i = 0; i < p->kernel_h; ++i) {
        const int32_t row = y * p->stride_h - p->pad_top + i * p->dilation_h;
        for (int32_t j = 0; j < p->kernel_w; ++j) {
          const int32_t column = x * p->stride_w - p->pad_left + j * p->dilation_w;
          const int32_t is_inside = row >= 0 && row < p->input_h && column >= 0 && column < p->input_w;
          places[i * p->kernel_w + j] = is_inside ? input + (row * p->input_w + column) * channels : outside;
        }
      }
      for (int32_t block = 0; block < channels; block += 16) {
        /* Where the channels are no multiple of 16 the last block lies over the one before and repeats it. */
        const int32_t c = block + 16 <= channels ? block : channels - 16;
        int32x4_t sums[4];
        for (int32_t k = 0; k < 4; ++k) sums[k] = vld1q_s32(starts + c + 4 * k);
        int32_t t = 0;
        for (; t + 2 <= taps; t += 2) {
          const int8x16_t in = vld1q_s8(places[t] + c), next = vld1q_s8(places[t + 1] + c);
          const int8x16_t w = vld1q_s8(weights + t * channels + c);
          const int8x16_t w_next = vld1q_s8(weights + (t + 1) * channels + c);
          thimble_depthwise_neon_add(
              sums,
              vmlal_s8(vmull_s8(vget_low_s8(in), vget_low_s8(w)), vget_low_s8(next), vget_low_s8(w_next)),
              vmlal_high_s8(vmull_high_s8(in, w), next, w_next));
        }
        if (t < taps) {
          const int8x16_t in = vld1q_s8(places[t] + c), w = vld1q_s8(weights + t * channels + c);
          thimble_depthwise_neon_add(sums, vmull_s8(vget_low_s8(in), vget_low_s8(w)), vmull_high_s8(in, w));
        }
        for (int32_t k = 0; k < 4; ++k) {
          sums[k] = thimble_neon_multiply(sums[k], vld1q_s32(multipliers + c + 4 * k),
                                          vld1q_s32(shifts + c + 4 * k), has_left);
        }
        vst1q_s8(output + c, thimble_neon_narrow(sums[0], sums[1], sums[2], sums[3], p->output_offset,
                                                 p->output_min, p->output_max));
      }
      output += channels;
    }
  }
}

#endif
