/* (H, W, C) x (1, KH, KW, C * multiplier) + (C * multiplier) -> (OH, OW, C * multiplier) */
#ifndef THIMBLE_GENERIC_DEPTHWISE_CONV2D_F32_H
#define THIMBLE_GENERIC_DEPTHWISE_CONV2D_F32_H

#include "parameters.h"
#include "window.h"

/* bias may be NULL. */
THIMBLE_KERNEL void thimble_depthwise_conv2d_generic_f32(const thimble_depthwise_conv2d_parameters* p,
                                                         const float* input, const float* weights,
                                                         const float* bias, float* output) {
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
          float sum0 = bias ? bias[o] : 0, sum1 = bias ? bias[o + 1] : 0;
          float sum2 = bias ? bias[o + 2] : 0, sum3 = bias ? bias[o + 3] : 0;
          for (int32_t i = rows.begin; i < rows.end; ++i) {
            const int32_t row = (rows.start + i * p->dilation_h) * p->input_w + columns.start;
            for (int32_t j = columns.begin; j < columns.end; ++j) {
              const float* const in = input + (row + j * p->dilation_w) * output_c + o;
              const float* const w = weights + (i * p->kernel_w + j) * output_c + o;
              sum0 += in[0] * w[0];
              sum1 += in[1] * w[1];
              sum2 += in[2] * w[2];
              sum3 += in[3] * w[3];
            }
          }
          output[o] = thimble_clamp_f32(sum0, p->float_min, p->float_max);
          output[o + 1] = thimble_clamp_f32(sum1, p->float_min, p->float_max);
          output[o + 2] = thimble_clamp_f32(sum2, p->float_min, p->float_max);
          output[o + 3] = thimble_clamp_f32(sum3, p->float_min, p->float_max);
        }
      }
      for (; o < output_c; ++o) {
        const int32_t channel = o / p->multiplier;
        float sum = bias ? bias[o] : 0;
        for (int32_t i = rows.begin; i < rows.end; ++i) {
          const int32_t row = (rows.start + i * p->dilation_h) * p->input_w + columns.start;
          for (int32_t j = columns.begin; j < columns.end; ++j) {
            const float in = input[(row + j * p->dilation_w) * p->input_c + channel];
            const float w = weights[(i * p->kernel_w + j) * output_c + o];
            sum += in * w;
          }
        }
        output[o] = thimble_clamp_f32(sum, p->float_min, p->float_max);
      }
      output += output_c;
    }
  }
}

#endif
