/* (H, W, C) x packed weights + (C) -> (OH, OW, C), without dilation; weights of 8 bits: widen_s8.h */
#ifndef THIMBLE_MAC16_DEPTHWISE_CONV2D_S8_H
#define THIMBLE_MAC16_DEPTHWISE_CONV2D_S8_H

#include "widen_s8.h"

THIMBLE_KERNEL void thimble_depthwise_conv2d_mac16_s8(const thimble_depthwise_conv2d_parameters* p,
                                                      const int8_t* input, const uint32_t* weights,
                                                      const int32_t* factors, void* scratch, int32_t simple,
                                                      int32_t channel_words, int8_t* output) {
  thimble_depthwise_conv2d_mac16(p, input, weights, factors, scratch, simple, channel_words,
                                 thimble_mac16_widen_s8, output);
}

#endif
