/* (H, W, C) x (1, KH, KW, C * multiplier) + (C * multiplier) -> (OH, OW, C * multiplier) */
#ifndef THIMBLE_GENERIC_DEPTHWISE_CONV2D_S8_H
#define THIMBLE_GENERIC_DEPTHWISE_CONV2D_S8_H

#include "fixed_point.h"
#include "parameters.h"
#include "window.h"

/* bias may be NULL. multipliers and shifts have one entry an output channel. */
THIMBLE_KERNEL void thimble_depthwise_conv2d_generic_s8(const thimble_depthwise_conv2d_parameters* p,
                                                        const int8_t* input, const int8_t* weights,
                                                        const int32_t* bias, const int32_t* multipliers,
                                                        const int32_t* shifts, int8_t* output) {
  const int32_t output_c = p->input_c * p->multiplier;
  for (int32_t y = 0; y < p->output_h; ++y) {
    const thimble_window rows =
        thimble_window_at(y, p->stride_h, p->pad_top, p->dilation_h, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < p->output_w; ++x) {
      const thimble_window columns =
          thimble_window_at(x, p->stride_w, p->pad_left, p->dilation_w, p->kernel_w, p->input_w);
      int32_t o = 0;
      if (p->multiplier == 1) { /* four neighbouring channels share the walk over the window */
        for (; o + 4 <= output_c; o += 4) {
          uint32_t sum0 = bias ? (uint32_t)bias[o] : 0, sum1 = bias ? (uint32_t)bias[o + 1] : 0;
          uint32_t sum2 = bias ? (uint32_t)bias[o + 2] : 0, sum3 = bias ? (uint32_t)bias[o + 3] : 0;
          for (int32_t i = rows.begin; i < rows.end; ++i) {
            const int32_t row = (rows.start + i * p->dilation_h) * p->input_w + columns.start;
            for (int32_t j = columns.begin; j < columns.end; ++j) {
              const int8_t* const in = input + (row + j * p->dilation_w) * output_c + o;
              const int8_t* const w = weights + (i * p->kernel_w + j) * output_c + o;
              sum0 += (uint32_t)((in[0] + p->input_offset) * w[0]);
              sum1 += (uint32_t)((in[1] + p->input_offset) * w[1]);
              sum2 += (uint32_t)((in[2] + p->input_offset) * w[2]);
              sum3 += (uint32_t)((in[3] + p->input_offset) * w[3]);
            }
          }
          output[o] = thimble_requantize((int32_t)sum0, multipliers[o], shifts[o], p->output_offset,
                                         p->output_min, p->output_max);
          output[o + 1] = thimble_requantize((int32_t)sum1, multipliers[o + 1], shifts[o + 1],
                                             p->output_offset, p->output_min, p->output_max);
          output[o + 2] = thimble_requantize((int32_t)sum2, multipliers[o + 2], shifts[o + 2],
                                             p->output_offset, p->output_min, p->output_max);
          output[o + 3] = thimble_requantize((int32_t)sum3, multipliers[o + 3], shifts[o + 3],
                                             p->output_offset, p->output_min, p->output_max);
        }
      }
      for (; o < output_c; ++o) {
        const int32_t channel = o / p->multiplier;
        uint32_t sum = bias ? (uint32_t)bias[o] : 0;
        for (int32_t i = rows.begin; i < rows.end; ++i) {
          const int32_t row = (rows.start + i * p->dilation_h) * p->input_w + columns.start;
          for (int32_t j = columns.begin; j < columns.end; ++j) {
            const int8_t in = input[(row + j * p->dilation_w) * p->input_c + channel];
            const int8_t w = weights[(i * p->kernel_w + j) * output_c + o];
            sum += (uint32_t)((in + p->input_offset) * w);
          }
        }
        output[o] = thimble_requantize((int32_t)sum, multipliers[o], shifts[o], p->output_offset,
                                       p->output_min, p->output_max);
      }
      output += output_c;
    }
  }
}

#endif
