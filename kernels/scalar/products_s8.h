/* Weights of 8 bits, two channels and two places at a time: windows_u8.h. A tile has the bytes of channels 0
 * and 1, tap by tap, then those of channels 2 and 3. */
#ifndef THIMBLE_SCALAR_PRODUCTS_S8_H
#define THIMBLE_SCALAR_PRODUCTS_S8_H

#include "windows_u8.h"

#define THIMBLE_SCALAR_ZERO_S8 128

THIMBLE_KERNEL int32_t thimble_tile_words_s8(int32_t taps) { return taps; }

typedef struct {
  uint32_t a0, a1, b0, b1;
} thimble_block_sums;

THIMBLE_KERNEL void thimble_block_products(thimble_block_sums* sums, const uint8_t* a, const uint8_t* b,
                                           int32_t places, const uint8_t* weights, int32_t taps) {
  THIMBLE_UNROLL
  for (int32_t i = 0; i < taps; ++i) {
    const uint32_t v = weights[2 * i], w = weights[2 * i + 1];
    sums->a0 += a[i] * v, sums->a1 += a[i] * w;
    if (places > 1) sums->b0 += b[i] * v, sums->b1 += b[i] * w;
  }
}

THIMBLE_KERNEL void thimble_products_s8(uint32_t* sums, const uint8_t* a, const uint8_t* b, int32_t places,
                                        const uint32_t* chunks_a, const uint32_t* chunks_b,
                                        const uint32_t* tile, int32_t taps, int32_t chunk) {
  const uint8_t* weights = (const uint8_t*)tile;
  const uint32_t less_a = THIMBLE_SCALAR_ZERO_S8 * *chunks_a, less_b = THIMBLE_SCALAR_ZERO_S8 * *chunks_b;
  (void)chunk; /* all taps: nothing overflows */
  for (int32_t pair = 0; pair < THIMBLE_SCALAR_CHANNELS; pair += 2, weights += 2 * taps) {
    thimble_block_sums s = {0, 0, 0, 0};
    thimble_block_products(&s, a, b, places, weights, taps);
    sums[pair] = s.a0 - less_a, sums[pair + 1] = s.a1 - less_a;
    sums[4 + pair] = s.b0 - less_b, sums[4 + pair + 1] = s.b1 - less_b;
  }
}

#endif
