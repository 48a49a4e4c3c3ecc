/* (H, W, C) x (O, KH, KW, C / groups) + (O) -> (OH, OW, O) */
#ifndef THIMBLE_GENERIC_CONV2D_S8_H
#define THIMBLE_GENERIC_CONV2D_S8_H

#include "conv2d_walk.h"
#include "dot_s8.h"
#include "fixed_point.h"

/* What the sums of a block's output channels start from where the input's offset is not added to each input:
 * the bias, and the offset times the sum of the weights in these rows. */
THIMBLE_KERNEL void thimble_conv2d_starts(uint32_t* starts, const int8_t* kernel, int32_t kernel_size,
                                          int32_t begin, int32_t end, const int32_t* bias, int32_t offset) {
  for (int32_t k = 0; k < THIMBLE_S8_CHANNELS; ++k) {
    int32_t sum = 0;
    for (int32_t i = begin; i < end; ++i) sum += kernel[k * kernel_size + i];
    starts[k] = (uint32_t)sum * (uint32_t)offset + (bias ? (uint32_t)bias[k] : 0);
  }
}

/* The outputs of `channels` channels (1, or THIMBLE_S8_CHANNELS of a group) from channel o on; `kernel` is
 * where their weights begin. */
THIMBLE_KERNEL void thimble_conv2d_channels_s8(const thimble_conv2d_parameters* p,
                                               const thimble_conv2d_walk* walk, const int8_t* input,
                                               const int8_t* kernel, const int32_t* bias,
                                               const int32_t* multipliers, const int32_t* shifts, int32_t o,
                                               int32_t channels, int8_t* output) {
  const int32_t group = o / walk->group_outputs;
  int32_t summed_begin = -1, summed_end = -1;
  uint32_t starts[THIMBLE_S8_CHANNELS] = {0};
  for (int32_t y = 0; y < walk->output_h; ++y) {
    const thimble_window rows =
        thimble_window_at(y, p->stride_h, p->pad_top, p->dilation_h, p->kernel_h, p->input_h);
    int8_t* out = output + y * walk->output_w * p->output_c + o;
    int32_t pixels;
    if (channels > 1 && (rows.begin != summed_begin || rows.end != summed_end)) {
      thimble_conv2d_starts(starts, kernel, walk->kernel_size, rows.begin * walk->kernel_row,
                            rows.end * walk->kernel_row, bias ? bias + o : bias, p->input_offset);
      summed_begin = rows.begin, summed_end = rows.end;
    }
    for (int32_t x = 0; x < walk->output_w; x += pixels, out += pixels * p->output_c) {
      const thimble_conv2d_runs runs = thimble_conv2d_runs_at(p, walk, x);
      const int8_t* in = input + (rows.start + rows.begin * p->dilation_h) * walk->input_row + runs.input +
                         group * walk->depth;
      const int8_t* w = kernel + rows.begin * walk->kernel_row + runs.weights;
      const int32_t row_step = p->dilation_h * walk->input_row;
      uint32_t sums[THIMBLE_S8_CHANNELS * THIMBLE_S8_PIXELS];
      pixels = 1;
      if (channels == 1) {
        int32_t sum = bias ? bias[o] : 0;
        for (int32_t i = rows.begin; i < rows.end; ++i, in += row_step, w += walk->kernel_row) {
          for (int32_t j = 0; j < runs.count; ++j) {
            sum = thimble_dot_s8(sum, in + j * walk->run_step, w + j * walk->depth, runs.length,
                                 p->input_offset);
          }
        }
        sums[0] = (uint32_t)sum;
      } else if (x >= walk->inside.begin && x + THIMBLE_S8_PIXELS <= walk->inside.end) {
        pixels = THIMBLE_S8_PIXELS;
        for (int32_t k = 0; k < THIMBLE_S8_CHANNELS; ++k) {
          for (int32_t i = THIMBLE_S8_PIXELS; i-- > 0;) sums[i * THIMBLE_S8_CHANNELS + k] = starts[k];
        }
        for (int32_t i = rows.begin; i < rows.end; ++i, in += row_step, w += walk->kernel_row) {
          for (int32_t j = 0; j < runs.count; ++j) {
            thimble_dot_block_s8(sums, in + j * walk->run_step, walk->pixel_step, w + j * walk->depth,
                                 walk->kernel_size, runs.length);
          }
        }
      } else {
        for (int32_t k = 0; k < THIMBLE_S8_CHANNELS; ++k) sums[k] = bias ? (uint32_t)bias[o + k] : 0;
        for (int32_t i = rows.begin; i < rows.end; ++i, in += row_step, w += walk->kernel_row) {
          for (int32_t j = 0; j < runs.count; ++j) {
            thimble_dot_rows_s8(sums, in + j * walk->run_step, w + j * walk->depth, walk->kernel_size,
                                runs.length, p->input_offset);
          }
        }
      }
      for (int32_t k = 0; k < channels; ++k) {
        for (int32_t pixel = 0; pixel < pixels; ++pixel) {
          out[pixel * p->output_c + k] =
              thimble_requantize((int32_t)sums[pixel * THIMBLE_S8_CHANNELS + k], multipliers[o + k],
                                 shifts[o + k], p->output_offset, p->output_min, p->output_max);
        }
      }
    }
  }
}

/* How many channels are computed at a time from channel o on. */
THIMBLE_KERNEL int32_t thimble_conv2d_channels_at(const thimble_conv2d_walk* walk, int32_t o) {
  const int32_t group_end = (o / walk->group_outputs + 1) * walk->group_outputs;
  return group_end - o < THIMBLE_S8_CHANNELS ? 1 : THIMBLE_S8_CHANNELS;
}

/* bias may be NULL. multipliers and shifts have one entry an output channel.
 *
 * THIMBLE_S8_CHANNELS output channels are computed at a time, and of each THIMBLE_S8_PIXELS neighbouring
 * pixels where their windows are inside the image: with four and two, 6 loads for 8 products, without an
 * addition of the input's offset. */
THIMBLE_KERNEL void thimble_conv2d_generic_s8(const thimble_conv2d_parameters* p, const int8_t* input,
                                              const int8_t* weights, const int32_t* bias,
                                              const int32_t* multipliers, const int32_t* shifts,
                                              int8_t* output) {
  const thimble_conv2d_walk walk = thimble_conv2d_walk_of(p);
  int32_t channels;
  for (int32_t o = 0; o < p->output_c; o += channels) {
    channels = thimble_conv2d_channels_at(&walk, o);
    thimble_conv2d_channels_s8(p, &walk, input, weights + o * walk.kernel_size, bias, multipliers, shifts, o,
                               channels, output);
  }
}

#endif
