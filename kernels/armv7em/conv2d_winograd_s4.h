/* Convolution with weights of 4 bits: conv2d_winograd.h */
#ifndef THIMBLE_ARMV7EM_CONV2D_WINOGRAD_S4_H
#define THIMBLE_ARMV7EM_CONV2D_WINOGRAD_S4_H

#include "conv2d_winograd.h"

/* `factors` as thimble_tile_output says, `simple`; rows >= 1, columns >= 1. */
THIMBLE_KERNEL void thimble_conv2d_winograd_s4(const thimble_conv2d_parameters* p, const int8_t* input,
                                               const uint32_t* weights, const int32_t* factors,
                                               uint32_t* scratch, int32_t rows, int32_t columns,
                                               int8_t* output) {
  const thimble_tile_output t = {factors, 16, 1, p->output_offset, p->output_min, p->output_max};
  thimble_conv2d_winograd(p, input, weights, &t, scratch, rows, columns, output);
}

#endif
