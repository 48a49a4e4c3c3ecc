/* (H, W, C) x (O, KH, KW, C) + (O) -> (OH, OW, O), one group; weights of 4 bits, in the order of
 * conv2d_s8.h, as nibbles.h has them */
#ifndef THIMBLE_NEON_CONV2D_S4_H
#define THIMBLE_NEON_CONV2D_S4_H

#include "../generic/nibbles.h"
#include "conv2d_s8.h"

/* scratch: conv2d_s8.h's, then the weights, a byte each. */
THIMBLE_KERNEL void thimble_conv2d_neon_s4(const thimble_conv2d_parameters* p, const int8_t* input,
                                           const uint8_t* weights, const int32_t* bias,
                                           const int32_t* multipliers, const int32_t* shifts, void* scratch,
                                           int32_t has_left, int8_t* output) {
  const int32_t taps = thimble_neon_padded(p->kernel_h * p->kernel_w * p->input_c, THIMBLE_NEON_STEP);
  const int32_t channels = thimble_neon_padded(p->output_c, THIMBLE_NEON_CHANNELS);
  int8_t* const unpacked = (int8_t*)scratch + 4 * channels + THIMBLE_NEON_PIXELS * taps;
  thimble_unpack_s4(weights, 0, channels * taps, unpacked);
  thimble_conv2d_neon_s8(p, input, unpacked, bias, multipliers, shifts, scratch, has_left, output);
}

#endif
