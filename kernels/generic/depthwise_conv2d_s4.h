/* (H, W, C) x (1, KH, KW, C * multiplier) + (C * multiplier) -> (OH, OW, C * multiplier), weights of 4 bits
 * as nibbles.h has them */
#ifndef THIMBLE_GENERIC_DEPTHWISE_CONV2D_S4_H
#define THIMBLE_GENERIC_DEPTHWISE_CONV2D_S4_H

#include "depthwise_conv2d_s8.h"
#include "nibbles.h"

/* bias may be NULL. multipliers and shifts have one entry an output channel. scratch: the weights, a byte
 * each. */
THIMBLE_KERNEL void thimble_depthwise_conv2d_generic_s4(const thimble_depthwise_conv2d_parameters* p,
                                                        const int8_t* input, const uint8_t* weights,
                                                        const int32_t* bias, const int32_t* multipliers,
                                                        const int32_t* shifts, void* scratch,
                                                        int8_t* output) {
  int8_t* const unpacked = (int8_t*)scratch;
  thimble_unpack_s4(weights, 0, p->kernel_h * p->kernel_w * p->input_c * p->multiplier, unpacked);
  thimble_depthwise_conv2d_generic_s8(p, input, unpacked, bias, multipliers, shifts, output);
}

#endif
