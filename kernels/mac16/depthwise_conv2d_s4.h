/* (H, W, C) x packed weights + (C) -> (OH, OW, C), without dilation; weights of 4 bits: widen_s4.h */
#ifndef THIMBLE_MAC16_DEPTHWISE_CONV2D_S4_H
#define THIMBLE_MAC16_DEPTHWISE_CONV2D_S4_H

#include "widen_s4.h"

THIMBLE_KERNEL void thimble_depthwise_conv2d_mac16_s4(const thimble_depthwise_conv2d_parameters* p,
                                                      const int8_t* input, const uint32_t* weights,
                                                      const int32_t* factors, void* scratch, int32_t simple,
                                                      int32_t channel_words, int8_t* output) {
  thimble_depthwise_conv2d_mac16(p, input, weights, factors, scratch, simple, channel_words,
                                 thimble_mac16_widen_s4, output);
}

#endif
