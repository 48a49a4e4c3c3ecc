/* (H, W, C) -> (OH, OW, C), C at least 16; padding never wins */
#ifndef THIMBLE_NEON_MAX_POOL2D_S8_H
#define THIMBLE_NEON_MAX_POOL2D_S8_H

#include "aarch64.h"

#include "../generic/parameters.h"
#include "../generic/window.h"

THIMBLE_KERNEL void thimble_max_pool2d_neon_s8(const thimble_pool2d_parameters* p, const int8_t* input,
                                               int8_t* output) {
  for (int32_t y = 0; y < p->output_h; ++y) {
    const thimble_window rows = thimble_window_at(y, p->stride_h, p->pad_top, 1, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < p->output_w; ++x, output += p->channels) {
      const thimble_window columns =
          thimble_window_at(x, p->stride_w, p->pad_left, 1, p->kernel_w, p->input_w);
      for (int32_t block = 0; block < p->channels; block += 16) {
        const int32_t c = block + 16 <= p->channels ? block : p->channels - 16;
        int8x16_t largest = vdupq_n_s8(INT8_MIN);
        for (int32_t i = rows.begin; i < rows.end; ++i) {
          for (int32_t j = columns.begin; j < columns.end; ++j) {
            const int32_t place = (rows.start + i) * p->input_w + columns.start + j;
            largest = vmaxq_s8(largest, vld1q_s8(input + place * p->channels + c));
          }
        }
        largest = vmaxq_s8(largest, vdupq_n_s8((int8_t)p->output_min));
        vst1q_s8(output + c, vminq_s8(largest, vdupq_n_s8((int8_t)p->output_max)));
      }
    }
  }
}

#endif
