/* Pointwise convolution with weights of 4 bits: conv2d_pointwise.h */
#ifndef THIMBLE_ARMV7EM_CONV2D_POINTWISE_S4_H
#define THIMBLE_ARMV7EM_CONV2D_POINTWISE_S4_H

#include "conv2d_pointwise.h"

/* `factors` and `simple` as thimble_tile_output says; block >= 1. */
THIMBLE_KERNEL void thimble_conv2d_pointwise_s4(const thimble_conv2d_parameters* p, const int8_t* input,
                                                const uint32_t* weights, const int32_t* factors,
                                                uint32_t* scratch, int32_t block, int32_t simple,
                                                int8_t* output) {
  const thimble_tile_output t = {factors, 16, simple, p->output_offset, p->output_min, p->output_max};
  thimble_conv2d_pointwise(p, input, weights, &t, scratch, block, output);
}

#endif
