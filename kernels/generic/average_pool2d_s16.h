/* (H, W, C) -> (OH, OW, C); padding is left out of the count */
#ifndef THIMBLE_GENERIC_AVERAGE_POOL2D_S16_H
#define THIMBLE_GENERIC_AVERAGE_POOL2D_S16_H

#include "fixed_point.h"
#include "parameters.h"
#include "window.h"

THIMBLE_KERNEL void thimble_average_pool2d_generic_s16(const thimble_pool2d_parameters* p,
                                                       const int16_t* input, int16_t* output) {
  for (int32_t y = 0; y < p->output_h; ++y) {
    const thimble_window rows = thimble_window_at(y, p->stride_h, p->pad_top, 1, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < p->output_w; ++x) {
      const thimble_window columns =
          thimble_window_at(x, p->stride_w, p->pad_left, 1, p->kernel_w, p->input_w);
      const int32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
      for (int32_t c = 0; c < p->channels; ++c) {
        int32_t sum = 0;
        for (int32_t i = rows.begin; i < rows.end; ++i) {
          THIMBLE_UNROLL
          for (int32_t j = columns.begin; j < columns.end; ++j) {
            sum += input[((rows.start + i) * p->input_w + columns.start + j) * p->channels + c];
          }
        }
        sum = (sum > 0 ? sum + count / 2 : sum - count / 2) / count; /* nearest, ties away from zero */
        *output++ = (int16_t)thimble_clamp(sum, p->output_min, p->output_max);
      }
    }
  }
}

#endif
