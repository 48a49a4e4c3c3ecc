/* (H, W, C) x weights in tiles + (O) -> (OH, OW, O), without groups or dilation; weights of 4 bits:
 * products_s4.h */
#ifndef THIMBLE_SCALAR_CONV2D_S4_H
#define THIMBLE_SCALAR_CONV2D_S4_H

#include "products_s4.h"

THIMBLE_KERNEL void thimble_conv2d_scalar_s4(const thimble_conv2d_parameters* p, const int8_t* input,
                                             const uint32_t* weights, const int32_t* factors, void* scratch,
                                             int32_t simple, int32_t chunk, int8_t* output) {
  thimble_conv2d_windows(p, input, weights, factors, scratch, simple, chunk,
                         thimble_tile_words_s4(p->kernel_h * p->kernel_w * p->input_c), thimble_products_s4,
                         output);
}

#endif
