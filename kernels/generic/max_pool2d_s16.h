/* (H, W, C) -> (OH, OW, C); padding never wins */
#ifndef THIMBLE_GENERIC_MAX_POOL2D_S16_H
#define THIMBLE_GENERIC_MAX_POOL2D_S16_H

#include "fixed_point.h"
#include "parameters.h"
#include "window.h"

THIMBLE_KERNEL void thimble_max_pool2d_generic_s16(const thimble_pool2d_parameters* p, const int16_t* input,
                                                   int16_t* output) {
  for (int32_t y = 0; y < p->output_h; ++y) {
    const thimble_window rows = thimble_window_at(y, p->stride_h, p->pad_top, 1, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < p->output_w; ++x) {
      const thimble_window columns =
          thimble_window_at(x, p->stride_w, p->pad_left, 1, p->kernel_w, p->input_w);
      for (int32_t c = 0; c < p->channels; ++c) {
        int32_t largest = INT16_MIN;
        for (int32_t i = rows.begin; i < rows.end; ++i) {
          THIMBLE_UNROLL
          for (int32_t j = columns.begin; j < columns.end; ++j) {
            const int16_t value =
                input[((rows.start + i) * p->input_w + columns.start + j) * p->channels + c];
            if (value > largest) largest = value;
          }
        }
        *output++ = (int16_t)thimble_clamp(largest, p->output_min, p->output_max);
      }
    }
  }
}

#endif
