/* (H, W, C) x (O, KH, KW, C / groups) + (O) -> (OH, OW, O) */
#ifndef THIMBLE_GENERIC_CONV2D_F32_H
#define THIMBLE_GENERIC_CONV2D_F32_H

#include "conv2d_walk.h"
#include "dot_f32.h"

/* bias may be NULL. Four output channels are computed at a time, and three neighbouring pixels where their
 * windows are inside the image: 7 loads for 12 products. Each output's sum is in the order of its weights. */
THIMBLE_KERNEL void thimble_conv2d_generic_f32(const thimble_conv2d_parameters* p, const float* input,
                                               const float* weights, const float* bias, float* output) {
  const thimble_conv2d_walk walk = thimble_conv2d_walk_of(p);
  int32_t channels;
  for (int32_t o = 0; o < p->output_c; o += channels) {
    const int32_t group = o / walk.group_outputs;
    const float* const kernel = weights + o * walk.kernel_size;
    channels = (group + 1) * walk.group_outputs - o >= 4 ? 4 : 1;
    for (int32_t y = 0; y < walk.output_h; ++y) {
      const thimble_window rows =
          thimble_window_at(y, p->stride_h, p->pad_top, p->dilation_h, p->kernel_h, p->input_h);
      float* out = output + y * walk.output_w * p->output_c + o;
      int32_t pixels;
      for (int32_t x = 0; x < walk.output_w; x += pixels, out += pixels * p->output_c) {
        const thimble_conv2d_runs runs = thimble_conv2d_runs_at(p, &walk, x);
        const float* in = input + (rows.start + rows.begin * p->dilation_h) * walk.input_row + runs.input +
                          group * walk.depth;
        const float* w = kernel + rows.begin * walk.kernel_row + runs.weights;
        const int32_t row_step = p->dilation_h * walk.input_row;
        float sums[12];
        for (int32_t k = 0; k < channels; ++k) sums[k] = sums[4 + k] = sums[8 + k] = bias ? bias[o + k] : 0;
        pixels = channels == 4 && x >= walk.inside.begin && x + 2 < walk.inside.end ? 3 : 1;
        if (channels == 1) {
          for (int32_t i = rows.begin; i < rows.end; ++i, in += row_step, w += walk.kernel_row) {
            for (int32_t j = 0; j < runs.count; ++j) {
              sums[0] = thimble_dot_f32(sums[0], in + j * walk.run_step, w + j * walk.depth, runs.length);
            }
          }
        } else if (pixels == 3) {
          for (int32_t i = rows.begin; i < rows.end; ++i, in += row_step, w += walk.kernel_row) {
            for (int32_t j = 0; j < runs.count; ++j) {
              thimble_dot_4x3_f32(sums, in + j * walk.run_step, walk.pixel_step, w + j * walk.depth,
                                  walk.kernel_size, runs.length);
            }
          }
        } else {
          for (int32_t i = rows.begin; i < rows.end; ++i, in += row_step, w += walk.kernel_row) {
            for (int32_t j = 0; j < runs.count; ++j) {
              thimble_dot_4x1_f32(sums, in + j * walk.run_step, w + j * walk.depth, walk.kernel_size,
                                  runs.length);
            }
          }
        }
        for (int32_t k = 0; k < channels; ++k) {
          for (int32_t pixel = 0; pixel < pixels; ++pixel) {
            out[pixel * p->output_c + k] = thimble_clamp_f32(sums[pixel * 4 + k], p->float_min, p->float_max);
          }
        }
      }
    }
  }
}

#endif
