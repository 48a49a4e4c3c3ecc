/* (H, W, C) x (1, KH, KW, C) + (C) -> (OH, OW, C); weights of 4 bits, in the order of
 * depthwise_conv2d_s8.h, as nibbles.h has them */
#ifndef THIMBLE_NEON_DEPTHWISE_CONV2D_S4_H
#define THIMBLE_NEON_DEPTHWISE_CONV2D_S4_H

#include "../generic/nibbles.h"
#include "depthwise_conv2d_s8.h"

/* scratch: depthwise_conv2d_s8.h's, then the weights, a byte each. */
THIMBLE_KERNEL void thimble_depthwise_conv2d_neon_s4(const thimble_depthwise_conv2d_parameters* p,
                                                     const int8_t* input, const uint8_t* weights,
                                                     const int32_t* bias, const int32_t* multipliers,
                                                     const int32_t* shifts, void* scratch, int32_t has_left,
                                                     int8_t* output) {
  const int32_t taps = p->kernel_h * p->kernel_w;
  int8_t* const unpacked = (int8_t*)scratch + 4 + 8 * taps + 5 * p->input_c;
  thimble_unpack_s4(weights, 0, taps * p->input_c, unpacked);
  thimble_depthwise_conv2d_neon_s8(p, input, unpacked, bias, multipliers, shifts, scratch, has_left, output);
}

#endif
