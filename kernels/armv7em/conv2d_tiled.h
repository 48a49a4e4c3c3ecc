/* (H, W, C) x weights in tiles + (O) -> (OH, OW, O), without groups or dilation.
 *
 * A column of the scratch holds the kernel_h rows of one input column, widened: a window is one run of
 * kernel_w columns, padding is columns and rows of zeros, and nothing is tested in the inner loop. From one
 * output row to the next, the columns are shifted by stride_h rows and only new rows are read: with one row
 * at a time, no input row is read after the output row that first needs it. */
#ifndef THIMBLE_ARMV7EM_CONV2D_TILED_H
#define THIMBLE_ARMV7EM_CONV2D_TILED_H

#include <string.h>

#include "../generic/parameters.h"
#include "tile_s8.h"

/* What lies in scratch, in words. The C writer computes the same (deploy/kernel_choice.cpp). */
typedef struct {
  int32_t columns; /* of an output row */
  int32_t column;  /* words a column */
  int32_t step;    /* columns from one place to the next */
  int32_t groups;  /* of four taps, of a window */
  int32_t row;     /* words of the columns of one output row; one more may be read, times 0 */
} thimble_conv2d_tiled_extents;

THIMBLE_KERNEL thimble_conv2d_tiled_extents
thimble_conv2d_tiled_extents_of(const thimble_conv2d_parameters* p) {
  thimble_conv2d_tiled_extents e;
  e.step = p->stride_w < p->kernel_w ? p->stride_w : p->kernel_w;
  e.columns = (p->output_w - 1) * e.step + p->kernel_w;
  e.column = (p->kernel_h * p->input_c + 1) / 2;
  e.groups = (p->kernel_w * e.column + 1) / 2;
  e.row = e.columns * e.column + 1;
  return e;
}

/* Input rows into the slots [begin, kernel_h) of every column of output row y */
THIMBLE_KERNEL void thimble_conv2d_tiled_fill(const thimble_conv2d_parameters* p,
                                              const thimble_conv2d_tiled_extents* e, const int8_t* input,
                                              int32_t y, int32_t begin, uint32_t* row) {
  for (int32_t c = 0; c < e->columns; ++c) {
    const int32_t x = p->stride_w < p->kernel_w
                          ? c - p->pad_left
                          : c / p->kernel_w * p->stride_w + c % p->kernel_w - p->pad_left;
    for (int32_t k = begin; k < p->kernel_h; ++k) {
      const int32_t i = y * p->stride_h - p->pad_top + k;
      thimble_half* const slot = (thimble_half*)(void*)(row + c * e->column) + k * p->input_c;
      if (i < 0 || i >= p->input_h || x < 0 || x >= p->input_w) {
        memset(slot, 0, (size_t)p->input_c * 2);
      } else {
        thimble_widen_taps(input + (i * p->input_w + x) * p->input_c, p->input_c, p->input_c % 4 == 0,
                           p->input_offset, slot);
      }
    }
  }
}

/* Makes the columns of one output row those of the next but for its last stride_h input rows */
THIMBLE_KERNEL void thimble_conv2d_tiled_shift(const thimble_conv2d_parameters* p,
                                               const thimble_conv2d_tiled_extents* e, uint32_t* row) {
  const int32_t kept = (p->kernel_h - p->stride_h) * p->input_c;
  const int32_t step = p->stride_h * p->input_c;
  for (int32_t c = 0; c < e->columns; ++c) {
    if (kept % 2 == 0 && step % 2 == 0) {
      thimble_word* const words = row + c * e->column;
      for (int32_t i = 0; i < kept / 2; ++i) words[i] = words[i + step / 2];
    } else {
      thimble_half* const taps = (thimble_half*)(void*)(row + c * e->column);
      for (int32_t i = 0; i < kept; ++i) taps[i] = taps[i + step];
    }
  }
}

/* `rows` output rows share one widening of the weights. */
THIMBLE_KERNEL void thimble_conv2d_tiled(const thimble_conv2d_parameters* p, const int8_t* input,
                                         const uint32_t* weights, const thimble_tile_output* t,
                                         uint32_t* scratch, int32_t rows, int8_t* output) {
  const thimble_conv2d_tiled_extents e = thimble_conv2d_tiled_extents_of(p);
  uint32_t* const tile = scratch + rows * e.row;
  for (int32_t y = 0; y < p->output_h; y += rows) {
    const int32_t end = y + rows < p->output_h ? y + rows : p->output_h;
    if (rows == 1 && y > 0 && p->stride_h < p->kernel_h) {
      thimble_conv2d_tiled_shift(p, &e, scratch);
      thimble_conv2d_tiled_fill(p, &e, input, y, p->kernel_h - p->stride_h, scratch);
    } else {
      for (int32_t r = y; r < end; ++r) {
        thimble_conv2d_tiled_fill(p, &e, input, r, 0, scratch + (r - y) * e.row);
      }
    }
    const uint32_t* next = weights;
    for (int32_t o = 0; o < p->output_c; o += 4) {
      const int32_t channels = p->output_c - o < 4 ? p->output_c - o : 4;
      next = t->scale == 16 ? thimble_widen_tile_s4(next, e.groups, tile)
                            : thimble_widen_tile_s8(next, e.groups, tile);
      for (int32_t r = y; r < end; ++r) {
        thimble_tile_row(t, scratch + (r - y) * e.row, 4 * e.step * e.column, p->output_w, tile, e.groups, o,
                         channels, output + r * p->output_w * p->output_c + o, p->output_c);
      }
    }
  }
}

#endif
