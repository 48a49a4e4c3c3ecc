/* Depthwise convolution with weights of 4 bits: depthwise_conv2d_plane.h */
#ifndef THIMBLE_ARMV7EM_DEPTHWISE_CONV2D_PLANE_S4_H
#define THIMBLE_ARMV7EM_DEPTHWISE_CONV2D_PLANE_S4_H

#include "depthwise_conv2d_plane.h"

THIMBLE_KERNEL void thimble_depthwise_conv2d_plane_s4(const thimble_depthwise_conv2d_parameters* p,
                                                      const int8_t* input, const uint8_t* weights,
                                                      const int32_t* bias, const int32_t* multipliers,
                                                      const int32_t* shifts, thimble_word* scratch,
                                                      int8_t* output) {
  thimble_depthwise_conv2d_plane(p, input, weights, 1, bias, multipliers, shifts, scratch, output);
}

#endif
