/* Weights of 4 bits, two channels to a multiplication: windows_u8.h.
 *
 * A byte u times a word of two weights v, each 0 to 15 in a half of its own, is two products at once, and so
 * are sums of them. Less 8 * u, a half has the sum of u * w, which is exact as long as it fits 16 bits: for
 * `chunk` taps, which the C writer finds from the weights. What goes over a half's end until then comes back.
 * A word holds the weights of four channels at two taps: nibbles 0 and 4 are channels 0 and 1 at the first, 1
 * and 5 channels 2 and 3, then the same at the second. */
#ifndef THIMBLE_SCALAR_PRODUCTS_S4_H
#define THIMBLE_SCALAR_PRODUCTS_S4_H

#include "windows_u8.h"

#define THIMBLE_SCALAR_ZERO_S4 8
/* Taps that a turn of the loop takes: a chunk is a whole number of turns, one of 16 taps always fits. */
#define THIMBLE_SCALAR_TURN_S4 8

THIMBLE_KERNEL int32_t thimble_tile_words_s4(int32_t taps) { return (taps + 1) / 2; }

/* Sums of products of two channels, in the halves of a word, for each of two places */
typedef struct {
  uint32_t a01, a23, b01, b23;
} thimble_pair_sums;

THIMBLE_KERNEL void thimble_pair_products(thimble_pair_sums* sums, const uint8_t* a, const uint8_t* b,
                                          int32_t places, const uint32_t* tile, int32_t words) {
  const uint32_t mask = 0x000F000F;
  THIMBLE_UNROLL
  for (int32_t i = 0; i < words; ++i, a += 2, b += 2) {
    const uint32_t word = tile[i];
    sums->a01 += a[0] * (word & mask) + a[1] * (word >> 8 & mask);
    sums->a23 += a[0] * (word >> 4 & mask) + a[1] * (word >> 12 & mask);
    if (places > 1) {
      sums->b01 += b[0] * (word & mask) + b[1] * (word >> 8 & mask);
      sums->b23 += b[0] * (word >> 4 & mask) + b[1] * (word >> 12 & mask);
    }
  }
}

/* Adds the halves of `pair`, whose weights are not negative yet, to sums[0] and sums[1]. */
THIMBLE_KERNEL void thimble_add_halves(uint32_t* sums, uint32_t pair, uint32_t inputs) {
  const int32_t both = (int32_t)(pair - inputs * (THIMBLE_SCALAR_ZERO_S4 * 0x00010001));
  const int32_t low = (int16_t)(uint16_t)both;
  sums[0] += (uint32_t)low;
  sums[1] += (uint32_t)((int32_t)((uint32_t)both - (uint32_t)low) >> 16);
}

THIMBLE_KERNEL void thimble_products_s4(uint32_t* sums, const uint8_t* a, const uint8_t* b, int32_t places,
                                        const uint32_t* chunks_a, const uint32_t* chunks_b,
                                        const uint32_t* tile, int32_t taps, int32_t chunk) {
  const int32_t words = thimble_tile_words_s4(taps);
  int32_t count;
  for (int32_t begin = 0; begin < words; begin += count, a += 2 * count, b += 2 * count, tile += count) {
    thimble_pair_sums s = {0, 0, 0, 0};
    count = words - begin < chunk / 2 ? words - begin : chunk / 2;
    thimble_pair_products(&s, a, b, places, tile, count);
    thimble_add_halves(sums, s.a01, *chunks_a);
    thimble_add_halves(sums + 2, s.a23, *chunks_a++);
    if (places > 1) {
      thimble_add_halves(sums + 4, s.b01, *chunks_b);
      thimble_add_halves(sums + 6, s.b23, *chunks_b++);
    }
  }
}

#endif
