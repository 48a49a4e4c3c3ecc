/* (rows, I) x packed weights + (O) -> (rows, O); weights of 8 bits: widen_s8.h */
#ifndef THIMBLE_MAC16_FULLY_CONNECTED_S8_H
#define THIMBLE_MAC16_FULLY_CONNECTED_S8_H

#include "conv2d_s8.h"

THIMBLE_KERNEL void thimble_fully_connected_mac16_s8(const thimble_fully_connected_parameters* p,
                                                     const int8_t* input, const uint32_t* weights,
                                                     const int32_t* factors, void* scratch, int32_t simple,
                                                     int32_t channel_words, int8_t* output) {
  const thimble_conv2d_parameters dense = thimble_conv2d_of_dense(p);
  thimble_conv2d_mac16_s8(&dense, input, weights, factors, scratch, simple, channel_words, output);
}

#endif
