/* (H, W, C) x weights for tiles + (O) -> (OH, OW, O): 3x3 windows by 1, C a multiple of 4, no groups, no
 * dilation, by Winograd's F(2x2, 3x3) in integers: Lavin and Gray, "Fast Algorithms for Convolutional Neural
 * Networks", CVPR 2016.
 *
 * A tile is 2x2 outputs, of 4x4 inputs d and the weights g of a channel:
 *   V = B'dB, U = GgG', M = the sum of U * V at each of 16 positions over the input channels, 4 Y = A'MA,
 *   B' = 1  0 -1  0    G = 1  0  0    A' = 2  1  1  0
 *        0  1  1  0        1  1  1         0  1 -1 -2
 *        0 -1  1  0        1 -1  1
 *        0  1  0 -1        0  0  1
 * The usual halves in G stand as twos in A, so that all is in integers: |U| <= 9 * 128, |V| <= 4 * 255, and
 * four times the sum is exact modulo 2^32. It must be below 2^31 (`simple` in tile_s8.h, for weights of 4
 * bits of 16 times them): the C writer proves it.
 *
 * The transformed inputs of a block of tiles lie in scratch, all read before any output of the block is
 * written; the weights of four output channels are transformed there once a block. */
#ifndef THIMBLE_ARMV7EM_CONV2D_WINOGRAD_H
#define THIMBLE_ARMV7EM_CONV2D_WINOGRAD_H

#include <string.h>

#include "../generic/parameters.h"
#include "tile_s8.h"

/* What depends on no literal is not inlined: layers share it. */
#if defined(__GNUC__)
#define THIMBLE_SHARED_KERNEL static __attribute__((noinline, unused))
#else
#define THIMBLE_SHARED_KERNEL static
#endif

/* Words of scratch, with g groups of four input channels:
 *   M: 16 positions x 8 sums
 *   U: g x 16 positions x 2 pairs of input channels x 4 output channels
 *   V: pairs of tiles x g x 16 positions x 2 pairs of input channels x 2 tiles */
#define THIMBLE_WINOGRAD_M 128
THIMBLE_KERNEL int32_t thimble_conv2d_winograd_scratch(const thimble_conv2d_parameters* p, int32_t tiles) {
  return THIMBLE_WINOGRAD_M + (p->input_c / 4) * (128 + (tiles + 1) / 2 * 64);
}

/* Nine words, side by side: cheaper so, and GCC would take them apart. */
THIMBLE_KERNEL void thimble_winograd_load(const uint32_t* from, uint32_t w[9]) {
#if THIMBLE_TILE_ASSEMBLY
  __asm__(
      "ldr %0, [%9]\n\tldr %1, [%9, #4]\n\tldr %2, [%9, #8]\n\tldr %3, [%9, #12]\n\tldr %4, [%9, #16]\n\t"
      "ldr %5, [%9, #20]\n\tldr %6, [%9, #24]\n\tldr %7, [%9, #28]\n\tldr %8, [%9, #32]"
      : "=&r"(w[0]), "=&r"(w[1]), "=&r"(w[2]), "=&r"(w[3]), "=&r"(w[4]), "=&r"(w[5]), "=&r"(w[6]),
        "=&r"(w[7]), "=&r"(w[8])
      : "r"(from), "m"(*(const uint32_t(*)[9])from));
#else
  for (int32_t i = 0; i < 9; ++i) w[i] = from[i];
#endif
}

/* Written out, that no array comes to lie in memory */
#define THIMBLE_WINOGRAD_NINE(w, f)                                                               \
  w[0] = f(w[0]), w[1] = f(w[1]), w[2] = f(w[2]), w[3] = f(w[3]), w[4] = f(w[4]), w[5] = f(w[5]), \
  w[6] = f(w[6]), w[7] = f(w[7]), w[8] = f(w[8])

/* U at the four positions of a row */
THIMBLE_KERNEL void thimble_winograd_row(uint32_t x, uint32_t y, uint32_t z, uint32_t* to) {
  const uint32_t sum = thimble_sadd16(x, z);
  to[0] = x;
  to[8] = thimble_sadd16(sum, y);
  to[16] = thimble_ssub16(sum, y);
  to[24] = z;
}

/* U of a pair of input channels of one output channel from its weights w, by row and column */
THIMBLE_KERNEL void thimble_winograd_weights(const uint32_t w[9], uint32_t* to) {
  const uint32_t s0 = thimble_sadd16(w[0], w[6]), s1 = thimble_sadd16(w[1], w[7]);
  const uint32_t s2 = thimble_sadd16(w[2], w[8]);
  thimble_winograd_row(w[0], w[1], w[2], to);
  thimble_winograd_row(w[6], w[7], w[8], to + 96);
  thimble_winograd_row(thimble_sadd16(s0, w[3]), thimble_sadd16(s1, w[4]), thimble_sadd16(s2, w[5]), to + 32);
  thimble_winograd_row(thimble_ssub16(s0, w[3]), thimble_ssub16(s1, w[4]), thimble_ssub16(s2, w[5]), to + 64);
}

/* U of four output channels, from nine words (by row, column) for each group of input channels and each
 * output channel. Returns what lies behind them. */
THIMBLE_SHARED_KERNEL const uint32_t* thimble_winograd_weights_s8(const uint32_t* weights, int32_t groups,
                                                                  uint32_t* to) {
  uint32_t w[9];
  for (const uint32_t* const end = weights + 36 * groups; weights != end; to += 124) {
    for (const uint32_t* const group = weights + 36; weights != group; weights += 9) {
      thimble_winograd_load(weights, w);
      THIMBLE_WINOGRAD_NINE(w, thimble_sxtb16);
      thimble_winograd_weights(w, to);
      thimble_winograd_load(weights, w);
      THIMBLE_WINOGRAD_NINE(w, thimble_sxtb16_odd);
      thimble_winograd_weights(w, to + 4);
      ++to;
    }
  }
  return weights;
}

/* 16 times U from weights of half a byte: nine words hold one group in their low nibbles and the next one in
 * the high ones. */
THIMBLE_SHARED_KERNEL const uint32_t* thimble_winograd_weights_s4(const uint32_t* weights, int32_t groups,
                                                                  uint32_t* to) {
#define THIMBLE_WINOGRAD_NIBBLES(word) (((word) << shift) & 0xF0F0F0F0U)
  uint32_t w[9];
  for (int32_t g = 0; g < groups; ++g) {
    const int32_t shift = g % 2 == 0 ? 4 : 0;
    for (int32_t o = 0; o < 4; ++o) {
      thimble_winograd_load(weights + 9 * o, w);
      THIMBLE_WINOGRAD_NINE(w, THIMBLE_WINOGRAD_NIBBLES);
      THIMBLE_WINOGRAD_NINE(w, thimble_sxtb16);
      thimble_winograd_weights(w, to);
      thimble_winograd_load(weights + 9 * o, w);
      THIMBLE_WINOGRAD_NINE(w, THIMBLE_WINOGRAD_NIBBLES);
      THIMBLE_WINOGRAD_NINE(w, thimble_sxtb16_odd);
      thimble_winograd_weights(w, to + 4);
      ++to;
    }
    to += 124;
    if (g % 2 != 0 || g + 1 == groups) weights += 36;
  }
#undef THIMBLE_WINOGRAD_NIBBLES
  return weights;
}
#undef THIMBLE_WINOGRAD_NINE

/* V of `groups` groups of input channels of a tile, from 4x4 words of four bytes, `row` and `pixel` bytes
 * apart. Where the same input is taken off again, its offset need not be added. */
#if THIMBLE_TILE_ASSEMBLY
THIMBLE_SHARED_KERNEL void thimble_winograd_inputs(const int8_t* from, int32_t row, int32_t pixel,
                                                   int32_t offset, int32_t groups, uint32_t* to) {
  const uint32_t four_offsets = thimble_pair(4 * offset, 4 * offset);
  const uint32_t* const end = to + 64 * groups;
  uint32_t a, b, c, d, e, f, g, h, i;
/* A column of four words, widened, becomes d0 - d2, d2 - d1, d1 - d3, and d1 + d2 in `sum`. */
#define THIMBLE_WINOGRAD_COLUMN(d0, d1, d2, d3, sum, odd) \
  "ldr " d0                                               \
  ", [%[from]]\n\t"                                       \
  "ldr " d1                                               \
  ", [%[from], %[row]]\n\t"                               \
  "ldr " d2                                               \
  ", [%[from], %[row], lsl #1]\n\t"                       \
  "ldr " d3                                               \
  ", [%[from], %[row3]]\n\t"                              \
  "sxtb16 " d0 ", " d0 odd                                \
  "\n\t"                                                  \
  "sxtb16 " d1 ", " d1 odd                                \
  "\n\t"                                                  \
  "sxtb16 " d2 ", " d2 odd                                \
  "\n\t"                                                  \
  "sxtb16 " d3 ", " d3 odd                                \
  "\n\t"                                                  \
  "ssub16 " d0 ", " d0 ", " d2                            \
  "\n\t"                                                  \
  "sadd16 " sum ", " d1 ", " d2                           \
  "\n\t"                                                  \
  "ssub16 " d2 ", " d2 ", " d1                            \
  "\n\t"                                                  \
  "ssub16 " d3 ", " d1 ", " d3 "\n\t"
#define THIMBLE_WINOGRAD_SUBTRACT(x, y, at) \
  "ssub16 " x ", " x ", " y                 \
  "\n\t"                                    \
  "str " x ", [%[to], #" at "]\n\t"
#define THIMBLE_WINOGRAD_ADD(x, y, into, at, offset) \
  "sadd16 " into ", " x ", " y "\n\t" offset "str " into ", [%[to], #" at "]\n\t"
#define THIMBLE_WINOGRAD_OFFSET "ldr %[f], %[four]\n\tsadd16 %[c], %[c], %[f]\n\t"
/* The pairs of bytes 0 and 2, or 1 and 3, `half` bytes behind them */
#define THIMBLE_WINOGRAD_PAIR(odd, half)                               \
  THIMBLE_WINOGRAD_COLUMN("%[a]", "%[b]", "%[c]", "%[d]", "%[e]", odd) \
  "add %[from], %[from], %[pixel], lsl #1\n\t"                                 \
  THIMBLE_WINOGRAD_COLUMN("%[f]", "%[g]", "%[h]", "%[i]", "%[b]", odd)         \
  THIMBLE_WINOGRAD_SUBTRACT("%[a]", "%[f]", "0 + " half)                       \
  THIMBLE_WINOGRAD_SUBTRACT("%[e]", "%[b]", "64 + " half)                      \
  THIMBLE_WINOGRAD_SUBTRACT("%[c]", "%[h]", "128 + " half)                     \
  THIMBLE_WINOGRAD_SUBTRACT("%[d]", "%[i]", "192 + " half)                     \
  "sub %[from], %[pixel]\n\t"                                                  \
  THIMBLE_WINOGRAD_COLUMN("%[a]", "%[c]", "%[d]", "%[e]", "%[g]", odd)         \
  THIMBLE_WINOGRAD_ADD("%[f]", "%[a]", "%[c]", "16 + " half, "")               \
  THIMBLE_WINOGRAD_SUBTRACT("%[f]", "%[a]", "32 + " half)                      \
  THIMBLE_WINOGRAD_ADD("%[b]", "%[g]", "%[c]", "80 + " half, THIMBLE_WINOGRAD_OFFSET) \
  THIMBLE_WINOGRAD_SUBTRACT("%[b]", "%[g]", "96 + " half)                      \
  THIMBLE_WINOGRAD_ADD("%[h]", "%[d]", "%[c]", "144 + " half, "")              \
  THIMBLE_WINOGRAD_SUBTRACT("%[h]", "%[d]", "160 + " half)                     \
  THIMBLE_WINOGRAD_ADD("%[i]", "%[e]", "%[c]", "208 + " half, "")              \
  THIMBLE_WINOGRAD_SUBTRACT("%[i]", "%[e]", "224 + " half)                     \
  "add %[from], %[from], %[pixel], lsl #1\n\t"                                 \
  THIMBLE_WINOGRAD_COLUMN("%[f]", "%[b]", "%[h]", "%[i]", "%[c]", odd)         \
  THIMBLE_WINOGRAD_SUBTRACT("%[a]", "%[f]", "48 + " half)                      \
  THIMBLE_WINOGRAD_SUBTRACT("%[g]", "%[c]", "112 + " half)                     \
  THIMBLE_WINOGRAD_SUBTRACT("%[d]", "%[h]", "176 + " half)                     \
  THIMBLE_WINOGRAD_SUBTRACT("%[e]", "%[i]", "240 + " half)                     \
  "sub %[from], %[from], %[pixel], lsl #1\n\t"                                 \
  "sub %[from], %[pixel]\n\t"
  __asm__ volatile("1:\n\t" THIMBLE_WINOGRAD_PAIR("", "0") THIMBLE_WINOGRAD_PAIR(", ror #8", "8")
                   "add %[to], #256\n\t"
                   "ldr %[a], %[end]\n\t"
                   "add %[from], #4\n\t"
                   "cmp %[to], %[a]\n\t"
                   "bne 1b"
                   : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [e] "=&r"(e), [f] "=&r"(f),
                     [g] "=&r"(g), [h] "=&r"(h), [i] "=&r"(i), [from] "+r"(from), [to] "+r"(to)
                   : [row] "r"(row), [row3] "r"(3 * row), [pixel] "r"(pixel), [four] "m"(four_offsets),
                     [end] "m"(end)
                   : "cc", "memory");
#undef THIMBLE_WINOGRAD_COLUMN
#undef THIMBLE_WINOGRAD_SUBTRACT
#undef THIMBLE_WINOGRAD_ADD
#undef THIMBLE_WINOGRAD_OFFSET
#undef THIMBLE_WINOGRAD_PAIR
}
#else
THIMBLE_SHARED_KERNEL void thimble_winograd_inputs(const int8_t* from, int32_t row, int32_t pixel,
                                                   int32_t offset, int32_t groups, uint32_t* to) {
  const uint32_t four_offsets = thimble_pair(4 * offset, 4 * offset);
  for (int32_t g = 0; g < groups; ++g) {
    for (int32_t odd = 0; odd < 2; ++odd) {
      uint32_t rows[4][4]; /* of a column of inputs, combined */
      for (int32_t x = 0; x < 4; ++x) {
        const int8_t* const at = from + 4 * g + x * pixel;
        const uint32_t d0 = thimble_sxtb16(thimble_load_word(at) >> 8 * odd);
        const uint32_t d1 = thimble_sxtb16(thimble_load_word(at + row) >> 8 * odd);
        const uint32_t d2 = thimble_sxtb16(thimble_load_word(at + 2 * row) >> 8 * odd);
        const uint32_t d3 = thimble_sxtb16(thimble_load_word(at + 3 * row) >> 8 * odd);
        rows[x][0] = thimble_ssub16(d0, d2);
        rows[x][1] = thimble_sadd16(d1, d2);
        rows[x][2] = thimble_ssub16(d2, d1);
        rows[x][3] = thimble_ssub16(d1, d3);
      }
      uint32_t* const v = to + 64 * g + 2 * odd;
      for (int32_t y = 0; y < 4; ++y) {
        v[16 * y] = thimble_ssub16(rows[0][y], rows[2][y]);
        v[16 * y + 4] = thimble_sadd16(rows[1][y], rows[2][y]);
        v[16 * y + 8] = thimble_ssub16(rows[2][y], rows[1][y]);
        v[16 * y + 12] = thimble_ssub16(rows[1][y], rows[3][y]);
      }
      v[20] = thimble_sadd16(v[20], four_offsets);
    }
  }
}
#endif

typedef struct {
  const int8_t* input;
  int32_t height, width, groups; /* of four channels */
  int32_t offset;
} thimble_winograd_image;

/* V of the tile whose first input is at row i, column j, which may lie outside the image. Such a one is
 * copied into a patch of 4x4 pixels, of as many groups at a time as THIMBLE_WINOGRAD_M words hold. */
THIMBLE_SHARED_KERNEL void thimble_winograd_tile(const thimble_winograd_image* image, int32_t i, int32_t j,
                                                 uint32_t* patch, uint32_t* to) {
  const int32_t groups = image->groups;
  const int32_t pixel = 4 * groups, row = image->width * pixel;
  if (i >= 0 && i + 4 <= image->height && j >= 0 && j + 4 <= image->width) {
    thimble_winograd_inputs(image->input + i * row + j * pixel, row, pixel, image->offset, groups, to);
    return;
  }
  const int32_t left = j < 0 ? -j : 0;
  const int32_t right = j + 4 <= image->width ? 4 : image->width - j;
  for (int32_t first = 0; first < groups; first += THIMBLE_WINOGRAD_M / 16) {
    const int32_t count = groups - first < THIMBLE_WINOGRAD_M / 16 ? groups - first : THIMBLE_WINOGRAD_M / 16;
    /* Pixels side by side are one piece where all of their channels are taken. */
    const int32_t together = count == groups ? right - left : 1;
    memset(patch, -image->offset, (size_t)count * 64);
    for (int32_t y = 0; y < 4; ++y) {
      if (i + y < 0 || i + y >= image->height) continue;
      for (int32_t x = left; x < right; x += together) {
        const int8_t* from = image->input + (i + y) * row + (j + x) * pixel + 4 * first;
        uint32_t* into = patch + (4 * y + x) * count;
        for (const uint32_t* const end = into + together * count; into != end; from += 4)
          *into++ = thimble_load_word(from);
      }
    }
    thimble_winograd_inputs((const int8_t*)(const void*)patch, 16 * count, 4 * count, image->offset, count,
                            to + 64 * first);
  }
}

/* The 16 times 8 sums of a pair of tiles and four output channels: those of the first tile, of the second */
THIMBLE_KERNEL void thimble_winograd_products(const uint32_t* v, int32_t groups, const uint32_t* u,
                                              uint32_t* sums) {
  for (int32_t position = 0; position < 16; ++position) {
    for (int32_t tile = 0; tile < 2; ++tile) {
      int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
      for (int32_t g = 0; g < groups; ++g) {
        const uint32_t* const x = v + 64 * g + 4 * position + tile;
        const uint32_t* const w = u + 128 * g + 8 * position;
        a0 = thimble_smlad(x[2], w[4], thimble_smlad(x[0], w[0], a0));
        a1 = thimble_smlad(x[2], w[5], thimble_smlad(x[0], w[1], a1));
        a2 = thimble_smlad(x[2], w[6], thimble_smlad(x[0], w[2], a2));
        a3 = thimble_smlad(x[2], w[7], thimble_smlad(x[0], w[3], a3));
      }
      uint32_t* const to = sums + 8 * position + 4 * tile;
      to[0] = (uint32_t)a0;
      to[1] = (uint32_t)a1;
      to[2] = (uint32_t)a2;
      to[3] = (uint32_t)a3;
    }
  }
}

/* Into how many turns the assembly takes the input channels of a position apart: up to 32 of them are one */
THIMBLE_KERNEL int32_t thimble_winograd_turns(int32_t groups) {
  if (groups <= 8) return 1;
  return groups % 8 == 0 ? groups / 8 : groups % 4 == 0 ? groups / 4 : groups % 2 == 0 ? groups / 2 : groups;
}

#if THIMBLE_TILE_ASSEMBLY
/* The same, `groups` a literal. One pass over the input channels of a position is `turns` times `steps` pairs
 * of them. */
THIMBLE_KERNEL void thimble_winograd_products_assembly(const uint32_t* v, int32_t groups, const uint32_t* u) {
  int32_t a0, a1, a2, a3, b0, b1, b2, b3, turns_left;
  uint32_t x, y, r, s;
  const uint32_t* const end = u + 128;
/* One pair of input channels: 16 multiply-accumulates. `at` is its place in a turn. */
#define THIMBLE_WINOGRAD_LOAD_FIRST                          \
  "ldr %[x], [%[v], #256 * (at / 2) + 8 * (at & 1)]\n\t"     \
  "ldr %[y], [%[v], #256 * (at / 2) + 8 * (at & 1) + 4]\n\t" \
  "ldr %[r], [%[u], #512 * (at / 2) + 16 * (at & 1)]\n\t"    \
  "ldr %[s], [%[u], #512 * (at / 2) + 16 * (at & 1) + 4]\n\t"
#define THIMBLE_WINOGRAD_LOAD_SECOND                          \
  "ldr %[r], [%[u], #512 * (at / 2) + 16 * (at & 1) + 8]\n\t" \
  "ldr %[s], [%[u], #512 * (at / 2) + 16 * (at & 1) + 12]\n\t"
#define THIMBLE_WINOGRAD_STEP                                       \
  THIMBLE_WINOGRAD_LOAD_FIRST                                       \
  "smlad %[a0], %[x], %[r], %[a0]\n\t"                              \
  "smlad %[b0], %[y], %[r], %[b0]\n\t"                              \
  "smlad %[a1], %[x], %[s], %[a1]\n\t"                              \
  "smlad %[b1], %[y], %[s], %[b1]\n\t" THIMBLE_WINOGRAD_LOAD_SECOND \
  "smlad %[a2], %[x], %[r], %[a2]\n\t"                              \
  "smlad %[b2], %[y], %[r], %[b2]\n\t"                              \
  "smlad %[a3], %[x], %[s], %[a3]\n\t"                              \
  "smlad %[b3], %[y], %[s], %[b3]\n\t"                              \
  ".set at, at + 1\n\t"
#define THIMBLE_WINOGRAD_FIRST_STEP                          \
  THIMBLE_WINOGRAD_LOAD_FIRST                                \
  "smuad %[a0], %[x], %[r]\n\t"                              \
  "smuad %[b0], %[y], %[r]\n\t"                              \
  "smuad %[a1], %[x], %[s]\n\t"                              \
  "smuad %[b1], %[y], %[s]\n\t" THIMBLE_WINOGRAD_LOAD_SECOND \
  "smuad %[a2], %[x], %[r]\n\t"                              \
  "smuad %[b2], %[y], %[r]\n\t"                              \
  "smuad %[a3], %[x], %[s]\n\t"                              \
  "smuad %[b3], %[y], %[s]\n\t"                              \
  ".set at, 1\n\t"
/* The sums lie THIMBLE_WINOGRAD_M words before U, 8 of them a position as there. */
#define THIMBLE_WINOGRAD_STORE \
  "sub %[x], %[u], #512\n\t"   \
  "str %[a0], [%[x]]\n\t"      \
  "str %[a1], [%[x], #4]\n\t"  \
  "str %[a2], [%[x], #8]\n\t"  \
  "str %[a3], [%[x], #12]\n\t" \
  "str %[b0], [%[x], #16]\n\t" \
  "str %[b1], [%[x], #20]\n\t" \
  "str %[b2], [%[x], #24]\n\t" \
  "str %[b3], [%[x], #28]\n\t" \
  "ldr %[s], %[end]\n\t"       \
  "add %[v], #16\n\t"          \
  "add %[u], #32\n\t"          \
  "cmp %[u], %[s]\n\t"         \
  "bne 1b\n\t"
#define THIMBLE_WINOGRAD_OPERANDS                                                                         \
  [a0] "=&r"(a0), [a1] "=&r"(a1), [a2] "=&r"(a2), [a3] "=&r"(a3), [b0] "=&r"(b0), [b1] "=&r"(b1),         \
      [b2] "=&r"(b2), [b3] "=&r"(b3), [v] "+r"(v), [u] "+r"(u), [x] "=&r"(x), [y] "=&r"(y), [r] "=&r"(r), \
      [s] "=&r"(s)
/* GCC takes a line for an instruction, and puts constants within reach of what it counts: about as many
 * empty lines as .rept makes instructions. */
#define THIMBLE_WINOGRAD_LINES THIMBLE_WINOGRAD_50 THIMBLE_WINOGRAD_50 THIMBLE_WINOGRAD_50 THIMBLE_WINOGRAD_50
#define THIMBLE_WINOGRAD_50 \
  "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
  const int32_t turns = thimble_winograd_turns(groups);
  const int32_t steps = 2 * groups / turns;
  if (turns == 1) {
    __asm__ volatile("1:\n\t.set at, 0\n\t" THIMBLE_WINOGRAD_FIRST_STEP
                     ".rept %c[steps] - 1\n\t" THIMBLE_WINOGRAD_STEP
                     ".endr\n\t" THIMBLE_WINOGRAD_STORE THIMBLE_WINOGRAD_LINES:THIMBLE_WINOGRAD_OPERANDS
                     : [steps] "i"(steps), [end] "m"(end)
                     : "cc", "memory");
  } else {
    __asm__ volatile(
        "1:\n\t"
        "mov %[s], %[turns]\n\t"
        "mov %[a0], #0\n\t"
        "mov %[a1], #0\n\t"
        "mov %[a2], #0\n\t"
        "mov %[a3], #0\n\t"
        "mov %[b0], #0\n\t"
        "mov %[b1], #0\n\t"
        "mov %[b2], #0\n\t"
        "mov %[b3], #0\n\t"
        "2:\n\t"
        "str %[s], %[left]\n\t"
        ".set at, 0\n\t"
        ".rept %c[steps]\n\t" THIMBLE_WINOGRAD_STEP
        ".endr\n\t"
        "ldr %[s], %[left]\n\t"
        "add %[v], #128 * %c[steps]\n\t"
        "add %[u], #256 * %c[steps]\n\t"
        "subs %[s], #1\n\t"
        "bne 2b\n\t"
        "sub %[v], #128 * %c[steps] * %c[turns]\n\t"
        "sub %[u], #256 * %c[steps] * %c[turns]\n\t" THIMBLE_WINOGRAD_STORE THIMBLE_WINOGRAD_LINES
        : THIMBLE_WINOGRAD_OPERANDS, [left] "=m"(turns_left)
        : [steps] "i"(steps), [turns] "i"(turns), [end] "m"(end)
        : "cc", "memory");
  }
#undef THIMBLE_WINOGRAD_LOAD_FIRST
#undef THIMBLE_WINOGRAD_LOAD_SECOND
#undef THIMBLE_WINOGRAD_STEP
#undef THIMBLE_WINOGRAD_FIRST_STEP
#undef THIMBLE_WINOGRAD_STORE
#undef THIMBLE_WINOGRAD_OPERANDS
#undef THIMBLE_WINOGRAD_LINES
#undef THIMBLE_WINOGRAD_50
}
#endif

/* Where the outputs of a tile go: `height` rows (1 or 2) of `width` pixels (1 or 2), so many bytes apart */
typedef struct {
  int32_t row, pixel;
  int32_t height, width;
} thimble_winograd_place;

/* The outputs of `channels` channels of a tile from its sums; `shift` makes twice the sum of what is a
 * multiple of it. */
THIMBLE_SHARED_KERNEL void thimble_winograd_finish(const thimble_tile_output* t, int32_t shift,
                                                   const uint32_t* m, const int32_t* factors,
                                                   int32_t channels, const thimble_winograd_place* place,
                                                   int8_t* output) {
  for (int32_t c = 0; c < channels; ++c) {
    const int32_t rounding = (2 * t->offset + 1) * ((int32_t)1 << factors[2]);
    for (int32_t i = 0; i < place->height; ++i) {
      uint32_t row[4];
      for (int32_t j = 0; j < 4; ++j) {
        const uint32_t* const at = m + 8 * j;
        row[j] = i == 0 ? 2 * at[0] + at[32] + at[64] : at[32] - at[64] - 2 * at[96];
      }
      for (int32_t j = 0; j < place->width; ++j) {
        const uint32_t sum = j == 0 ? 2 * row[0] + row[1] + row[2] : row[1] - row[2] - 2 * row[3];
        const int32_t scaled = thimble_smmulr(((int32_t)sum >> shift) + factors[0], factors[1]);
        output[c + i * place->row + j * place->pixel] =
            (int8_t)thimble_clamp((scaled - (scaled < 0) + rounding) >> factors[2] >> 1, t->low, t->high);
      }
    }
    factors += 3;
    ++m;
  }
}

#if THIMBLE_TILE_ASSEMBLY
/* The same of a whole tile with outputs of all of int8. `rounding` is twice the output's offset and one; it,
 * `shift` and `pixel` are literals. */
THIMBLE_KERNEL void thimble_winograd_finish_assembly(int32_t rounding, int32_t shift, const uint32_t* m,
                                                     const int32_t* factors, int32_t channels, int32_t row,
                                                     int32_t pixel, int8_t* output) {
  int8_t* second = output + row;
  uint32_t y0, y1, y2, y3, p, q, r, s;
/* `up` and `down`, of a column of positions that begins at m + `first`, loaded after `load` */
#define THIMBLE_WINOGRAD_SUMS(load, first, up, down) \
  load "ldr %[q], [%[m], #" first                    \
       " + 128 - 4]\n\t"                             \
       "ldr %[r], [%[m], #" first                    \
       " + 256 - 4]\n\t"                             \
       "ldr %[s], [%[m], #" first                    \
       " + 384 - 4]\n\t"                             \
       "add " up                                     \
       ", %[q], %[p], lsl #1\n\t"                    \
       "sub " down                                   \
       ", %[q], %[s], lsl #1\n\t"                    \
       "add " up                                     \
       ", %[r]\n\t"                                  \
       "sub " down ", %[r]\n\t"
#define THIMBLE_WINOGRAD_LOAD(first) "ldr %[p], [%[m], #" first " - 4]\n\t"
#define THIMBLE_WINOGRAD_REQUANTIZE(y, store) \
  "add " y ", %[p], " y                       \
  ", asr %[shift]\n\t"                        \
  "smmulr " y ", " y                          \
  ", %[q]\n\t"                                \
  "add " y ", " y ", " y                      \
  ", asr #31\n\t"                             \
  "add " y                                    \
  ", %[s]\n\t"                                \
  "asr " y                                    \
  ", %[r]\n\t"                                \
  "ssat " y ", #8, " y                        \
  ", asr #1\n\t"                              \
  "strb " y ", " store "\n\t"
  __asm__ volatile(
      "1:\n\t" THIMBLE_WINOGRAD_SUMS("ldr %[p], [%[m], #32]\n\tadd %[m], #4\n\t", "32", "%[y0]", "%[y2]")
      THIMBLE_WINOGRAD_SUMS(THIMBLE_WINOGRAD_LOAD("64"), "64", "%[y1]", "%[y3]")
      "add %[y0], %[y1]\n\t"
      "sub %[y1], %[y0], %[y1], lsl #1\n\t"
      "add %[y2], %[y3]\n\t"
      "sub %[y3], %[y2], %[y3], lsl #1\n\t"
      /* The left outputs, then the right ones */
      "ldr %[p], [%[m], #-4]\n\t"
      "ldr %[q], [%[m], #128 - 4]\n\t"
      "ldr %[r], [%[m], #256 - 4]\n\t"
      "ldr %[s], [%[m], #384 - 4]\n\t"
      "add %[y0], %[y0], %[p], lsl #2\n\t"
      "add %[y0], %[y0], %[q], lsl #1\n\t"
      "add %[y0], %[y0], %[r], lsl #1\n\t"
      "add %[y2], %[y2], %[q], lsl #1\n\t"
      "sub %[y2], %[y2], %[r], lsl #1\n\t"
      "sub %[y2], %[y2], %[s], lsl #2\n\t"
      "ldr %[p], [%[m], #96 - 4]\n\t"
      "ldr %[q], [%[m], #224 - 4]\n\t"
      "ldr %[r], [%[m], #352 - 4]\n\t"
      "ldr %[s], [%[m], #480 - 4]\n\t"
      "sub %[y1], %[y1], %[p], lsl #2\n\t"
      "sub %[y1], %[y1], %[q], lsl #1\n\t"
      "sub %[y1], %[y1], %[r], lsl #1\n\t"
      "sub %[y3], %[y3], %[q], lsl #1\n\t"
      "add %[y3], %[y3], %[r], lsl #1\n\t"
      "add %[y3], %[y3], %[s], lsl #2\n\t"
      "ldr %[p], [%[factors]], #4\n\t"
      "ldr %[q], [%[factors]], #4\n\t"
      "ldr %[r], [%[factors]], #4\n\t"
      "mov %[s], %[rounding]\n\t"
      "lsl %[s], %[s], %[r]\n\t"
      THIMBLE_WINOGRAD_REQUANTIZE("%[y1]", "[%[output], %[pixel]]")
      THIMBLE_WINOGRAD_REQUANTIZE("%[y0]", "[%[output]], #1")
      THIMBLE_WINOGRAD_REQUANTIZE("%[y3]", "[%[second], %[pixel]]")
      THIMBLE_WINOGRAD_REQUANTIZE("%[y2]", "[%[second]], #1")
      "subs %[channels], #1\n\t"
      "bne 1b"
      : [y0] "=&r"(y0), [y1] "=&r"(y1), [y2] "=&r"(y2), [y3] "=&r"(y3), [p] "=&r"(p), [q] "=&r"(q),
        [r] "=&r"(r), [s] "=&r"(s), [m] "+r"(m), [factors] "+r"(factors), [output] "+r"(output),
        [second] "+r"(second), [channels] "+r"(channels)
      : [shift] "i"(shift), [rounding] "i"(rounding), [pixel] "i"(pixel)
      : "cc", "memory");
#undef THIMBLE_WINOGRAD_SUMS
#undef THIMBLE_WINOGRAD_LOAD
#undef THIMBLE_WINOGRAD_REQUANTIZE
}
#endif

/* Blocks are of `rows` times `columns` tiles. */
THIMBLE_KERNEL void thimble_conv2d_winograd(const thimble_conv2d_parameters* p, const int8_t* input,
                                            const uint32_t* weights, const thimble_tile_output* t,
                                            uint32_t* scratch, int32_t rows, int32_t columns,
                                            int8_t* output) {
  const int32_t groups = p->input_c / 4;
  uint32_t* const m = scratch;
  uint32_t* const u = m + THIMBLE_WINOGRAD_M;
  uint32_t* const v = u + 128 * groups;
  const int32_t shift = t->scale == 16 ? 5 : 1;
  const int32_t row = p->output_w * p->output_c;
  const thimble_winograd_image image = {input, p->input_h, p->input_w, groups, p->input_offset};
#if THIMBLE_TILE_ASSEMBLY
  /* -Og does not carry literals into what it inlines: it takes the C. */
  const int32_t rounding = 2 * t->offset + 1;
  const int32_t assembly = __builtin_constant_p(groups) && __builtin_constant_p(rounding) &&
                           __builtin_constant_p(shift) && __builtin_constant_p(p->output_c);
#endif
  for (int32_t y = 0; y < p->output_h; y += 2 * rows) {
    const int32_t y_end = y + 2 * rows < p->output_h ? y + 2 * rows : p->output_h;
    for (int32_t x = 0; x < p->output_w; x += 2 * columns) {
      const int32_t x_end = x + 2 * columns < p->output_w ? x + 2 * columns : p->output_w;
      int32_t tile = 0;
      for (int32_t i = y; i < y_end; i += 2) {
        for (int32_t j = x; j < x_end; j += 2) {
          thimble_winograd_tile(&image, i - p->pad_top, j - p->pad_left, m,
                                v + tile / 2 * 64 * groups + tile % 2);
          ++tile;
        }
      }
      const uint32_t* next = weights;
      for (int32_t o = 0; o < p->output_c; o += 4) {
        const int32_t channels = p->output_c - o < 4 ? p->output_c - o : 4;
        next = t->scale == 16 ? thimble_winograd_weights_s4(next, groups, u)
                              : thimble_winograd_weights_s8(next, groups, u);
        tile = 0;
        for (int32_t i = y; i < y_end; i += 2) {
          for (int32_t j = x; j < x_end; j += 2) {
            const uint32_t* const pair = v + tile / 2 * 64 * groups;
            const uint32_t* const sums = m + tile % 2 * 4;
            const int32_t height = p->output_h % 2 == 0 || i + 1 < p->output_h ? 2 : 1;
            const int32_t width = p->output_w % 2 == 0 || j + 1 < p->output_w ? 2 : 1;
            int8_t* const to = output + i * row + j * p->output_c + o;
#if THIMBLE_TILE_ASSEMBLY
            if (tile % 2 == 0 && assembly) thimble_winograd_products_assembly(pair, groups, u);
            if (tile % 2 == 0 && !assembly) thimble_winograd_products(pair, groups, u, m);
            if (assembly && height == 2 && width == 2 && t->low == -128 && t->high == 127 &&
                p->output_c <= THIMBLE_TILE_REACH) {
              thimble_winograd_finish_assembly(rounding, shift, sums, t->factors + 3 * o, channels, row,
                                               p->output_c, to);
            } else
#else
            if (tile % 2 == 0) thimble_winograd_products(pair, groups, u, m);
#endif
            {
              /* Copies, that what is in registers or literal elsewhere stays so */
              const thimble_tile_output copy = *t;
              const thimble_winograd_place place = {row, p->output_c, height, width};
              thimble_winograd_finish(&copy, shift, sums, t->factors + 3 * o, channels, &place, to);
            }
            ++tile;
          }
        }
      }
    }
  }
}

#endif
