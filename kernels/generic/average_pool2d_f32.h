/* (H, W, C) -> (OH, OW, C); padding is left out of the count */
#ifndef THIMBLE_GENERIC_AVERAGE_POOL2D_F32_H
#define THIMBLE_GENERIC_AVERAGE_POOL2D_F32_H

#include "kernel.h"
#include "parameters.h"
#include "window.h"

THIMBLE_KERNEL void thimble_average_pool2d_generic_f32(const thimble_pool2d_parameters* p, const float* input,
                                                       float* output) {
  for (int32_t y = 0; y < p->output_h; ++y) {
    const thimble_window rows = thimble_window_at(y, p->stride_h, p->pad_top, 1, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < p->output_w; ++x) {
      const thimble_window columns =
          thimble_window_at(x, p->stride_w, p->pad_left, 1, p->kernel_w, p->input_w);
      const int32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
      for (int32_t c = 0; c < p->channels; ++c) {
        float sum = 0;
        for (int32_t i = rows.begin; i < rows.end; ++i) {
          THIMBLE_UNROLL
          for (int32_t j = columns.begin; j < columns.end; ++j) {
            sum += input[((rows.start + i) * p->input_w + columns.start + j) * p->channels + c];
          }
        }
        *output++ = thimble_clamp_f32(sum / (float)count, p->float_min, p->float_max);
      }
    }
  }
}

#endif
