/* (H, W, C) x (O, KH, KW, C / groups) + (O) -> (OH, OW, O), weights of 8 bits */
#ifndef THIMBLE_GENERIC_CONV2D_S16_H
#define THIMBLE_GENERIC_CONV2D_S16_H

#include "conv2d_walk.h"
#include "dot_s16.h"
#include "fixed_point.h"

/* bias may be NULL. multipliers and shifts have one entry an output channel. A pixel is finished before the
 * next one is begun, so that the output may lie over what was read of the input. */
THIMBLE_KERNEL void thimble_conv2d_generic_s16(const thimble_conv2d_parameters* p, const int16_t* input,
                                               const int8_t* weights, const int64_t* bias,
                                               const int32_t* multipliers, const int32_t* shifts,
                                               int16_t* output) {
  const thimble_conv2d_walk walk = thimble_conv2d_walk_of(p);
  const int32_t row_step = p->dilation_h * walk.input_row;
  for (int32_t y = 0; y < walk.output_h; ++y) {
    const thimble_window rows =
        thimble_window_at(y, p->stride_h, p->pad_top, p->dilation_h, p->kernel_h, p->input_h);
    for (int32_t x = 0; x < walk.output_w; ++x) {
      const thimble_conv2d_runs runs = thimble_conv2d_runs_at(p, &walk, x);
      int32_t channels;
      for (int32_t o = 0; o < p->output_c; o += channels) {
        const int32_t group = o / walk.group_outputs;
        const int16_t* in =
            input + rows.start * walk.input_row + rows.begin * row_step + runs.input + group * walk.depth;
        const int8_t* w = weights + o * walk.kernel_size + rows.begin * walk.kernel_row + runs.weights;
        int64_t sums[THIMBLE_S16_CHANNELS];
        channels = (group + 1) * walk.group_outputs - o < THIMBLE_S16_CHANNELS ? 1 : THIMBLE_S16_CHANNELS;
        for (int32_t k = 0; k < channels; ++k) sums[k] = bias ? bias[o + k] : 0;
        for (int32_t i = rows.begin; i < rows.end; ++i, in += row_step, w += walk.kernel_row) {
          for (int32_t j = 0; j < runs.count; ++j) {
            const int16_t* const run = in + j * walk.run_step;
            if (channels > 1) {
              thimble_dot_rows_s16(sums, run, w + j * walk.depth, walk.kernel_size, runs.length);
            } else {
              sums[0] = thimble_dot_s16(sums[0], run, w + j * walk.depth, runs.length);
            }
          }
        }
        for (int32_t k = 0; k < channels; ++k) {
          output[o + k] = thimble_requantize_wide(sums[k], multipliers[o + k], shifts[o + k], p->output_min,
                                                  p->output_max);
        }
      }
      output += p->output_c;
    }
  }
}

#endif
