/* (H, W, C) x (O, KH, KW, C) + (O) -> (OH, OW, O), one group */
#ifndef THIMBLE_NEON_CONV2D_S8_H
#define THIMBLE_NEON_CONV2D_S8_H

#include "../generic/parameters.h"
#include "tile_s8.h"

/* Whether a pixel's taps lie one after another in the input, in whole steps. */
THIMBLE_KERNEL int32_t thimble_conv2d_neon_s8_is_direct(const thimble_conv2d_parameters* p) {
  return thimble_conv2d_is_pointwise(p) && p->input_c % THIMBLE_NEON_STEP == 0;
}

/* Copies the window of one output pixel; what is outside the image is the zero point. */
THIMBLE_KERNEL void thimble_conv2d_neon_s8_gather(const thimble_conv2d_parameters* p, const int8_t* input,
                                                  int32_t y, int32_t x, int8_t* window) {
  const int32_t top = y * p->stride_h - p->pad_top;
  const int32_t left = x * p->stride_w - p->pad_left;
  const int32_t run = p->kernel_w * p->input_c;
  const int32_t row_bytes = p->input_w * p->input_c;
  const int32_t columns_inside = p->dilation_w == 1 && left >= 0 && left + p->kernel_w <= p->input_w;
  if (columns_inside && top >= 0 && top + (p->kernel_h - 1) * p->dilation_h < p->input_h) {
    input += top * row_bytes + left * p->input_c;
    for (int32_t i = 0; i < p->kernel_h; ++i) {
      memcpy(window + i * run, input + i * p->dilation_h * row_bytes, (size_t)run);
    }
    return;
  }
  for (int32_t i = 0; i < p->kernel_h; ++i, window += run) {
    const int32_t row = top + i * p->dilation_h;
    if (row < 0 || row >= p->input_h) {
      memset(window, -p->input_offset, (size_t)run);
      continue;
    }
    if (columns_inside) {
      memcpy(window, input + row * row_bytes + left * p->input_c, (size_t)run);
      continue;
    }
    for (int32_t j = 0; j < p->kernel_w; ++j) {
      const int32_t column = left + j * p->dilation_w;
      if (column < 0 || column >= p->input_w) {
        memset(window + j * p->input_c, -p->input_offset, (size_t)p->input_c);
      } else {
        memcpy(window + j * p->input_c, input + row * row_bytes + column * p->input_c, (size_t)p->input_c);
      }
    }
  }
}

/* bias may be NULL. multipliers and shifts have one entry an output channel; weights lie as tile_s8.h says.
 * scratch, aligned to 4: 4 bytes for each output channel, rounded up to 4 channels, and four windows, each
 * rounded up to 16 bytes. has_left:
 * whether a shift may be positive. */
THIMBLE_KERNEL void thimble_conv2d_neon_s8(const thimble_conv2d_parameters* p, const int8_t* input,
                                           const int8_t* weights, const int32_t* bias,
                                           const int32_t* multipliers, const int32_t* shifts, void* scratch,
                                           int32_t has_left, int8_t* output) {
  const int32_t taps = p->kernel_h * p->kernel_w * p->input_c;
  const int32_t padded = thimble_neon_padded(taps, THIMBLE_NEON_STEP);
  const int32_t count = p->output_h * p->output_w;
  int32_t* const starts = (int32_t*)scratch;
  int8_t* const windows = (int8_t*)(starts + thimble_neon_padded(p->output_c, THIMBLE_NEON_CHANNELS));
  thimble_neon_starts(starts, weights, taps, p->output_c, bias, p->input_offset);
  int32_t y = 0, x = 0;
  for (int32_t first = 0; first < count; first += THIMBLE_NEON_PIXELS) {
    const int32_t pixels = count - first < THIMBLE_NEON_PIXELS ? count - first : THIMBLE_NEON_PIXELS;
    const int8_t* in = windows;
    if (thimble_conv2d_neon_s8_is_direct(p)) {
      in = input + first * taps;
    } else {
      for (int32_t k = 0; k < pixels; ++k) {
        thimble_conv2d_neon_s8_gather(p, input, y, x, windows + k * padded);
        if (++x == p->output_w) {
          x = 0;
          ++y;
        }
      }
    }
    /* The last group may have fewer pixels: the first then stands for those that are missing. Of a count that
     * is known to be a multiple of four the compiler sees that none is, and reads all four pixels from one
     * address. */
    const int32_t full = count % THIMBLE_NEON_PIXELS == 0;
    thimble_neon_tile(in, full || pixels > 1 ? in + padded : in, full || pixels > 2 ? in + 2 * padded : in,
                      full || pixels > 3 ? in + 3 * padded : in, full ? THIMBLE_NEON_PIXELS : pixels, weights,
                      taps, p->output_c, starts, multipliers, shifts, has_left, p->output_offset,
                      p->output_min, p->output_max, output + first * p->output_c);
  }
}

#endif
