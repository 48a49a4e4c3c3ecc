/* (H, W, C) x (1, KH, KW, C * multiplier) + (C * multiplier) -> (OH, OW, C * multiplier), weights of 8 bits
 */
#ifndef THIMBLE_GENERIC_DEPTHWISE_CONV2D_S16_H
#define THIMBLE_GENERIC_DEPTHWISE_CONV2D_S16_H

#include "fixed_point.h"
#include "parameters.h"
#include "window.h"

/* bias may be NULL. multipliers and shifts have one entry an output channel. */
THIMBLE_KERNEL void thimble_depthwise_conv2d_generic_s16(const thimble_depthwise_conv2d_parameters* p,
                                                         const int16_t* input, const int8_t* weights,
                                                         const int64_t* bias, const int32_t* multipliers,
                                                         const int32_t* shifts, int16_t* output) {
  const int32_t output_c = p->input_c * p->multiplier;
  for (int32_t y = 0; y < p->output_h; ++y) {
    const thimble_window rows =
        thimble_window_at(y, p->stride_h, p->pad_top, p->dilation_h, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < p->output_w; ++x) {
      const thimble_window columns =
          thimble_window_at(x, p->stride_w, p->pad_left, p->dilation_w, p->kernel_w, p->input_w);
      for (int32_t o = 0; o < output_c; ++o) {
        const int32_t channel = o / p->multiplier;
        int64_t sum = bias ? bias[o] : 0;
        for (int32_t i = rows.begin; i < rows.end; ++i) {
          const int32_t row = (rows.start + i * p->dilation_h) * p->input_w + columns.start;
          THIMBLE_UNROLL
          for (int32_t j = columns.begin; j < columns.end; ++j) {
            const int16_t in = input[(row + j * p->dilation_w) * p->input_c + channel];
            sum += in * weights[(i * p->kernel_w + j) * output_c + o];
          }
        }
        output[o] = thimble_requantize_wide(sum, multipliers[o], shifts[o], p->output_min, p->output_max);
      }
      output += output_c;
    }
  }
}

#endif
