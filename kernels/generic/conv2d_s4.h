/* (H, W, C) x (O, KH, KW, C / groups) + (O) -> (OH, OW, O), weights of 4 bits as nibbles.h has them */
#ifndef THIMBLE_GENERIC_CONV2D_S4_H
#define THIMBLE_GENERIC_CONV2D_S4_H

#include "conv2d_s8.h"
#include "nibbles.h"

/* bias may be NULL. multipliers and shifts have one entry an output channel. scratch: the weights of
 * THIMBLE_S8_CHANNELS output channels, a byte each. */
THIMBLE_KERNEL void thimble_conv2d_generic_s4(const thimble_conv2d_parameters* p, const int8_t* input,
                                              const uint8_t* weights, const int32_t* bias,
                                              const int32_t* multipliers, const int32_t* shifts,
                                              void* scratch, int8_t* output) {
  const thimble_conv2d_walk walk = thimble_conv2d_walk_of(p);
  int8_t* const kernel = (int8_t*)scratch;
  int32_t channels;
  for (int32_t o = 0; o < p->output_c; o += channels) {
    channels = thimble_conv2d_channels_at(&walk, o);
    thimble_unpack_s4(weights, o * walk.kernel_size, channels * walk.kernel_size, kernel);
    thimble_conv2d_channels_s8(p, &walk, input, kernel, bias, multipliers, shifts, o, channels, output);
  }
}

#endif
