/* (H, W, C) x weights in tiles + (O) -> (OH, OW, O), without groups or dilation; weights of 8 bits:
 * products_s8.h */
#ifndef THIMBLE_SCALAR_CONV2D_S8_H
#define THIMBLE_SCALAR_CONV2D_S8_H

#include "products_s8.h"

THIMBLE_KERNEL void thimble_conv2d_scalar_s8(const thimble_conv2d_parameters* p, const int8_t* input,
                                             const uint32_t* weights, const int32_t* factors, void* scratch,
                                             int32_t simple, int32_t chunk, int8_t* output) {
  thimble_conv2d_windows(p, input, weights, factors, scratch, simple, chunk,
                         thimble_tile_words_s8(p->kernel_h * p->kernel_w * p->input_c), thimble_products_s8,
                         output);
}

#endif
