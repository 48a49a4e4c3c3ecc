/* (H, W, C) x (O, KH, KW, C / groups) + (O) -> (OH, OW, O) */
#ifndef THIMBLE_GENERIC_CONV2D_F32_H
#define THIMBLE_GENERIC_CONV2D_F32_H

#include "dot_f32.h"
#include "parameters.h"
#include "window.h"

/* bias may be NULL. */
THIMBLE_KERNEL void thimble_conv2d_generic_f32(const thimble_conv2d_parameters* p, const float* input,
                                               const float* weights, const float* bias, float* output) {
  const int32_t depth = p->input_c / p->groups;
  const int32_t group_outputs = p->output_c / p->groups;
  const int32_t kernel_row = p->kernel_w * depth;
  const int32_t kernel_size = p->kernel_h * kernel_row;
  for (int32_t y = 0; y < p->output_h; ++y) {
    const thimble_window rows =
        thimble_window_at(y, p->stride_h, p->pad_top, p->dilation_h, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < p->output_w; ++x) {
      const thimble_window columns =
          thimble_window_at(x, p->stride_w, p->pad_left, p->dilation_w, p->kernel_w, p->input_w);
      for (int32_t group = 0; group < p->groups; ++group) {
        for (int32_t o = group * group_outputs; o < (group + 1) * group_outputs; ++o) {
          const float* const kernel = weights + o * kernel_size;
          float sum = bias ? bias[o] : 0;
          for (int32_t i = rows.begin; i < rows.end; ++i) {
            const int32_t row = (rows.start + i * p->dilation_h) * p->input_w + columns.start;
            if (p->groups == 1 && p->dilation_w == 1) { /* a row of taps is one run of memory */
              sum = thimble_dot_f32(sum, input + (row + columns.begin) * depth,
                                    kernel + i * kernel_row + columns.begin * depth,
                                    (columns.end - columns.begin) * depth);
            } else {
              for (int32_t j = columns.begin; j < columns.end; ++j) {
                sum = thimble_dot_f32(sum, input + (row + j * p->dilation_w) * p->input_c + group * depth,
                                      kernel + i * kernel_row + j * depth, depth);
              }
            }
          }
          *output++ = thimble_clamp_f32(sum, p->float_min, p->float_max);
        }
      }
    }
  }
}

#endif
