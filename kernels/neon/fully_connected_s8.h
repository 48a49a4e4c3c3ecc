/* (rows, I) x (O, I) + (O) -> (rows, O) */
#ifndef THIMBLE_NEON_FULLY_CONNECTED_S8_H
#define THIMBLE_NEON_FULLY_CONNECTED_S8_H

#include "../generic/parameters.h"
#include "tile_s8.h"

/* bias may be NULL. multipliers and shifts have one entry an output channel; weights lie as tile_s8.h says.
 * scratch, aligned to 4: 4 bytes for each output channel, rounded up to 4 channels, and a row, rounded up to
 * 16 bytes. has_left:
 * whether a shift may be positive. */
THIMBLE_KERNEL void thimble_fully_connected_neon_s8(const thimble_fully_connected_parameters* p,
                                                    const int8_t* input, const int8_t* weights,
                                                    const int32_t* bias, const int32_t* multipliers,
                                                    const int32_t* shifts, void* scratch, int32_t has_left,
                                                    int8_t* output) {
  int32_t* const starts = (int32_t*)scratch;
  int8_t* const copy = (int8_t*)(starts + thimble_neon_padded(p->output_n, THIMBLE_NEON_CHANNELS));
  thimble_neon_starts(starts, weights, p->input_n, p->output_n, bias, p->input_offset);
  for (int32_t row = 0; row < p->rows; ++row) {
    const int8_t* x = input + row * p->input_n;
    if (p->input_n % THIMBLE_NEON_STEP != 0) x = (const int8_t*)memcpy(copy, x, (size_t)p->input_n);
    thimble_neon_row(x, weights, p->input_n, p->output_n, starts, multipliers, shifts, has_left,
                     p->output_offset, p->output_min, p->output_max, output + row * p->output_n);
  }
}

#endif
