/* (rows, I) x (O, I) + (O) -> (rows, O); weights of 4 bits, in the order of
 * fully_connected_s8.h, as nibbles.h has them */
#ifndef THIMBLE_NEON_FULLY_CONNECTED_S4_H
#define THIMBLE_NEON_FULLY_CONNECTED_S4_H

#include "../generic/nibbles.h"
#include "fully_connected_s8.h"

/* scratch: fully_connected_s8.h's, then the weights, a byte each. */
THIMBLE_KERNEL void thimble_fully_connected_neon_s4(const thimble_fully_connected_parameters* p,
                                                    const int8_t* input, const uint8_t* weights,
                                                    const int32_t* bias, const int32_t* multipliers,
                                                    const int32_t* shifts, void* scratch, int32_t has_left,
                                                    int8_t* output) {
  const int32_t taps = thimble_neon_padded(p->input_n, THIMBLE_NEON_STEP);
  const int32_t channels = thimble_neon_padded(p->output_n, THIMBLE_NEON_CHANNELS);
  int8_t* const unpacked = (int8_t*)scratch + 4 * channels + taps;
  thimble_unpack_s4(weights, 0, channels * taps, unpacked);
  thimble_fully_connected_neon_s8(p, input, unpacked, bias, multipliers, shifts, scratch, has_left, output);
}

#endif
