/* (H, W, C) -> (OH, OW, C); padding never wins */
#ifndef THIMBLE_GENERIC_MAX_POOL2D_F32_H
#define THIMBLE_GENERIC_MAX_POOL2D_F32_H

#include <float.h>

#include "kernel.h"
#include "parameters.h"
#include "window.h"

THIMBLE_KERNEL void thimble_max_pool2d_generic_f32(const thimble_pool2d_parameters* p, const float* input,
                                                   float* output) {
  for (int32_t y = 0; y < p->output_h; ++y) {
    const thimble_window rows = thimble_window_at(y, p->stride_h, p->pad_top, 1, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < p->output_w; ++x) {
      const thimble_window columns =
          thimble_window_at(x, p->stride_w, p->pad_left, 1, p->kernel_w, p->input_w);
      for (int32_t c = 0; c < p->channels; ++c) {
        float largest = -FLT_MAX;
        for (int32_t i = rows.begin; i < rows.end; ++i) {
          THIMBLE_UNROLL
          for (int32_t j = columns.begin; j < columns.end; ++j) {
            const float value = input[((rows.start + i) * p->input_w + columns.start + j) * p->channels + c];
            if (value > largest) largest = value;
          }
        }
        *output++ = thimble_clamp_f32(largest, p->float_min, p->float_max);
      }
    }
  }
}

#endif
