/* (H, W, C) -> (OH, OW, C), C at least 16; padding is left out of the count */
#ifndef THIMBLE_NEON_AVERAGE_POOL2D_S8_H
#define THIMBLE_NEON_AVERAGE_POOL2D_S8_H

#include "../generic/fixed_point.h"
#include "../generic/parameters.h"
#include "../generic/window.h"
#include "sum_s8.h"

THIMBLE_KERNEL void thimble_average_pool2d_neon_s8(const thimble_pool2d_parameters* p, const int8_t* input,
                                                   int8_t* output) {
  for (int32_t y = 0; y < p->output_h; ++y) {
    const thimble_window rows = thimble_window_at(y, p->stride_h, p->pad_top, 1, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < p->output_w; ++x, output += p->channels) {
      const thimble_window columns =
          thimble_window_at(x, p->stride_w, p->pad_left, 1, p->kernel_w, p->input_w);
      const int32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
      for (int32_t block = 0; block < p->channels; block += 16) {
        const int32_t c = block + 16 <= p->channels ? block : p->channels - 16;
        int32_t sums[16] = {0};
        for (int32_t i = rows.begin; i < rows.end; ++i) {
          const int32_t first = (rows.start + i) * p->input_w + columns.start + columns.begin;
          thimble_neon_add_pixels(sums, input + first * p->channels + c, columns.end - columns.begin,
                                  p->channels);
        }
        for (int32_t k = 0; k < 16; ++k) {
          const int32_t sum = sums[k];
          /* nearest, ties away from zero */
          output[c + k] = (int8_t)thimble_clamp((sum > 0 ? sum + count / 2 : sum - count / 2) / count,
                                                p->output_min, p->output_max);
        }
      }
    }
  }
}

#endif
