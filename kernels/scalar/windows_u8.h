/* What the convolutions and dense layers here share, for cores that multiply one pair of integers at a time.
 *
 * The windows of one row of outputs are copied to scratch first: a window is one run of bytes, by column, row
 * and channel, padding is bytes of the zero point, and nothing is tested in the inner loop. Inputs and
 * weights are taken as unsigned, so that a byte needs no sign extension once it is loaded: with x = u - 128,
 * w = v - z (z: 128, or 8 for weights of 4 bits) and the input's offset,
 *
 *   sum of (x + offset) * w = sum of u * v - z * sum of u + (offset - 128) * sum of w
 *
 * of which the C writer knows the last term and adds it to the bias; the sums of u are made once for all
 * output channels, in chunks of a window's taps. */
#ifndef THIMBLE_SCALAR_WINDOWS_U8_H
#define THIMBLE_SCALAR_WINDOWS_U8_H

#include <string.h>

#include "../generic/window_runs.h"

/* Output channels that are computed together, and places (of one row) where there are as many */
#define THIMBLE_SCALAR_CHANNELS 4
#if defined(__ARM_ARCH_6M__)
#define THIMBLE_SCALAR_PLACES 1
#else
#define THIMBLE_SCALAR_PLACES 2
#endif

/* The sums of its inputs that a window has: one for each chunk of its taps */
THIMBLE_KERNEL int32_t thimble_window_chunks(const thimble_windows* w, int32_t chunk) {
  return (w->taps + chunk - 1) / chunk;
}

/* Bytes of scratch: the sums of two windows, then the columns of a row. One byte behind the last window may
 * be read, times 0. */
THIMBLE_KERNEL int32_t thimble_windows_scratch(const thimble_windows* w, int32_t chunk) {
  return 2 * 4 * thimble_window_chunks(w, chunk) + w->columns * w->column + 1;
}

/* The columns of output row y */
THIMBLE_KERNEL void thimble_fill_windows(const thimble_conv2d_parameters* p, const thimble_windows* w,
                                         const int8_t* input, int32_t y, uint8_t* to) {
  const uint8_t padding = (uint8_t)(128 - p->input_offset);
  for (int32_t c = 0; c < w->columns; ++c) {
    const int32_t first = w->shared ? c : c / p->kernel_w * p->stride_w + c % p->kernel_w;
    const int32_t x = first - p->pad_left;
    for (int32_t k = 0; k < p->kernel_h; ++k, to += p->input_c) {
      const int32_t row = y * p->stride_h - p->pad_top + k;
      if (row < 0 || row >= p->input_h || x < 0 || x >= p->input_w) {
        memset(to, padding, (size_t)p->input_c);
      } else {
        const int8_t* const from = input + (row * p->input_w + x) * p->input_c;
        THIMBLE_UNROLL
        for (int32_t i = 0; i < p->input_c; ++i) to[i] = (uint8_t)((uint8_t)from[i] ^ 0x80);
      }
    }
  }
}

THIMBLE_KERNEL void thimble_sum_chunks(const uint8_t* window, int32_t taps, int32_t chunk, uint32_t* sums) {
  for (int32_t begin = 0; begin < taps; begin += chunk, window += chunk) {
    const int32_t count = taps - begin < chunk ? taps - begin : chunk;
    uint32_t sum = 0;
    THIMBLE_UNROLL
    for (int32_t i = 0; i < count; ++i) sum += window[i];
    *sums++ = sum;
  }
}

/* What a tile of weights makes of the windows at `a` and, where `places` is 2, at `b`: the sums of (v - z) *
 * u to sums[place * THIMBLE_SCALAR_CHANNELS + channel]. chunks_a and chunks_b are the windows' own sums. */
typedef void (*thimble_tile_products)(uint32_t* sums, const uint8_t* a, const uint8_t* b, int32_t places,
                                      const uint32_t* chunks_a, const uint32_t* chunks_b,
                                      const uint32_t* tile, int32_t taps, int32_t chunk);

/* `products` is inlined: it, `chunk` and `tile_words`, the words of a tile, are literals.
 * `factors`: three words for each channel, thimble_windows_scale's `start`, `multiplier` and `shift`. */
THIMBLE_KERNEL void thimble_conv2d_windows(const thimble_conv2d_parameters* parameters, const int8_t* input,
                                           const uint32_t* weights, const int32_t* factors, void* scratch,
                                           int32_t simple, int32_t chunk, int32_t tile_words,
                                           thimble_tile_products products, int8_t* output) {
  const thimble_conv2d_parameters q = thimble_conv2d_in_rows(parameters);
  const thimble_conv2d_parameters* const p = &q;
  const thimble_windows w = thimble_windows_of(p);
  uint32_t *const chunks_a = (uint32_t*)scratch, *const chunks_b =
                                                     chunks_a + thimble_window_chunks(&w, chunk);
  uint8_t* const windows = (uint8_t*)(chunks_b + thimble_window_chunks(&w, chunk));
  int32_t places;
  for (int32_t y = 0; y < p->output_h; ++y) {
    thimble_fill_windows(p, &w, input, y, windows);
    for (int32_t x = 0; x < p->output_w; x += places, output += places * p->output_c) {
      const uint8_t *const a = windows + x * w.step * w.column, *const b = a + w.step * w.column;
      const uint32_t* tile = weights;
      const int32_t* factor = factors;
      places = p->output_w - x < THIMBLE_SCALAR_PLACES ? 1 : THIMBLE_SCALAR_PLACES;
      thimble_sum_chunks(a, w.taps, chunk, chunks_a);
      if (places > 1) thimble_sum_chunks(b, w.taps, chunk, chunks_b);
      for (int32_t o = 0; o < p->output_c; o += THIMBLE_SCALAR_CHANNELS, tile += tile_words) {
        uint32_t sums[2 * THIMBLE_SCALAR_CHANNELS] = {0};
        if (places > 1) {
          products(sums, a, b, THIMBLE_SCALAR_PLACES, chunks_a, chunks_b, tile, w.taps, chunk);
        } else {
          products(sums, a, a, 1, chunks_a, chunks_a, tile, w.taps, chunk);
        }
        for (int32_t k = 0; k < THIMBLE_SCALAR_CHANNELS && o + k < p->output_c; ++k, factor += 3) {
          const int32_t start = factor[0], multiplier = factor[1], shift = factor[2];
          for (int32_t i = 0; i < places; ++i) {
            const int32_t scaled = thimble_windows_scale(
                p, simple, (int32_t)sums[i * THIMBLE_SCALAR_CHANNELS + k], start, multiplier, shift);
            output[i * p->output_c + o + k] = (int8_t)thimble_clamp(scaled, p->output_min, p->output_max);
          }
        }
      }
    }
  }
}

#endif
