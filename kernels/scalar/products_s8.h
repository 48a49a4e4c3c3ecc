/* Weights of 8 bits, two channels and two places at a time: windows_u8.h. A tile has the bytes of channels 0
 * and 1, tap by tap, then those of channels 2 and 3. */
#ifndef THIMBLE_SCALAR_PRODUCTS_S8_H
#define THIMBLE_SCALAR_PRODUCTS_S8_H

#include "windows_u8.h"

#define THIMBLE_SCALAR_ZERO_S8 128
/* Taps that a turn of the loop takes */
#define THIMBLE_SCALAR_TURN_S8 8

THIMBLE_KERNEL int32_t thimble_tile_words_s8(int32_t taps) { return taps; }

typedef struct {
  uint32_t a0, a1, b0, b1;
} thimble_block_sums;

#if THIMBLE_SCALAR_ASSEMBLY
/* `taps` (a literal) taps: 12 instructions for four products. No value is waited for. */
THIMBLE_KERNEL void thimble_block_products_assembly(thimble_block_sums* sums, const uint8_t* a,
                                                    const uint8_t* b, const uint8_t* weights, int32_t taps) {
  uint32_t x, y, v, w, p;
  __asm__ volatile(
      ".set at, 0\n\t"
      ".rept %c[taps]\n\t"
      "l8ui %[x], %[a], at\n\t"
      "l8ui %[v], %[weights], 2 * at\n\t"
      "l8ui %[y], %[b], at\n\t"
      "l8ui %[w], %[weights], 2 * at + 1\n\t"
      "mull %[p], %[x], %[v]\n\t"
      "mull %[v], %[v], %[y]\n\t"
      "mull %[x], %[x], %[w]\n\t"
      "mull %[y], %[y], %[w]\n\t"
      "add %[a0], %[a0], %[p]\n\t"
      "add %[b0], %[b0], %[v]\n\t"
      "add %[a1], %[a1], %[x]\n\t"
      "add %[b1], %[b1], %[y]\n\t"
      ".set at, at + 1\n\t"
      ".endr"
      : [a0] "+r"(sums->a0), [a1] "+r"(sums->a1), [b0] "+r"(sums->b0), [b1] "+r"(sums->b1), [x] "=&r"(x),
        [y] "=&r"(y), [v] "=&r"(v), [w] "=&r"(w), [p] "=&r"(p)
      : [a] "r"(a), [b] "r"(b), [weights] "r"(weights), [taps] "i"(taps)
      : "memory");
}
#endif

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
#if THIMBLE_SCALAR_ASSEMBLY
    if (places > 1 && __builtin_constant_p(taps)) {
      enum { kTurn = THIMBLE_SCALAR_TURN_S8 };
      const int32_t whole = taps / kTurn * kTurn;
      for (int32_t i = 0; i < whole; i += kTurn) {
        thimble_block_products_assembly(&s, a + i, b + i, weights + 2 * i, kTurn);
      }
      if (taps % kTurn) {
        thimble_block_products_assembly(&s, a + whole, b + whole, weights + 2 * whole, taps % kTurn);
      }
    } else
#endif
    {
      thimble_block_products(&s, a, b, places, weights, taps);
    }
    sums[pair] = s.a0 - less_a, sums[pair + 1] = s.a1 - less_a;
    sums[4 + pair] = s.b0 - less_b, sums[4 + pair + 1] = s.b1 - less_b;
  }
}

#endif
