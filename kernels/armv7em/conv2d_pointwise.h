/* (places, C) x weights in tiles + (O) -> (places, O): a convolution of one tap, without stride or padding.
 *
 * Places are taken in blocks whatever row they are in; a block is read before any of it is written, so with
 * O <= C the output may lie over the input. */
#ifndef THIMBLE_ARMV7EM_CONV2D_POINTWISE_H
#define THIMBLE_ARMV7EM_CONV2D_POINTWISE_H

#include "../generic/parameters.h"
#include "tile_s8.h"

/* `block` places share one widening of the weights. */
THIMBLE_KERNEL void thimble_conv2d_pointwise(const thimble_conv2d_parameters* p, const int8_t* input,
                                             const uint32_t* weights, const thimble_tile_output* t,
                                             uint32_t* scratch, int32_t block, int8_t* output) {
  const int32_t places = p->output_h * p->output_w;
  const int32_t place = (p->input_c + 1) / 2; /* in words */
  const int32_t groups = (place + 1) / 2;
  uint32_t* const tile = scratch + block * place + 1;
  for (int32_t first = 0; first < places; first += block) {
    const int32_t count = places - first < block ? places - first : block;
    if (p->input_c % 4 == 0) {
      thimble_widen_taps(input + first * p->input_c, count * p->input_c, 1, p->input_offset,
                         (thimble_half*)(void*)scratch);
    } else {
      for (int32_t i = 0; i < count; ++i) {
        thimble_widen_taps(input + (first + i) * p->input_c, p->input_c, 0, p->input_offset,
                           (thimble_half*)(void*)(scratch + i * place));
      }
    }
    const uint32_t* next = weights;
    for (int32_t o = 0; o < p->output_c; o += 4) {
      const int32_t channels = p->output_c - o < 4 ? p->output_c - o : 4;
      next = t->scale == 16 ? thimble_widen_tile_s4(next, groups, tile)
                            : thimble_widen_tile_s8(next, groups, tile);
      thimble_tile_row(t, scratch, 4 * place, count, tile, groups, o, channels,
                       output + first * p->output_c + o, p->output_c);
    }
  }
}

#endif
