/* The inner loop of convolutions and dense layers: dot products of int8 for four pixels and four output
 * channels at a time, without the dot-product instructions that a Cortex-A72 lacks.
 *
 * Weights lie for it in blocks of four output channels, and in each block in steps of 16 taps: 16 of the
 * first channel, 16 of the second, ... Channels and taps that are missing are zeros. No weight is -128, so
 * that two products fit an int16: SMULL and SMLAL multiply 16 pairs, and SADALP adds them, two by two, to
 * four int32. */
#ifndef THIMBLE_NEON_TILE_S8_H
#define THIMBLE_NEON_TILE_S8_H

#include <string.h>

#include "requantize_s8.h"

enum { THIMBLE_NEON_CHANNELS = 4, THIMBLE_NEON_STEP = 16, THIMBLE_NEON_PIXELS = 4 };

THIMBLE_KERNEL int32_t thimble_neon_padded(int32_t extent, int32_t multiple) {
  return (extent + multiple - 1) / multiple * multiple;
}

/* *sum + x * w, or x * w alone, lane by lane and then four by four. In assembly, because GCC spreads what it
 * schedules over more registers than there are, and spills sums in the inner loop. */
THIMBLE_KERNEL void thimble_neon_accumulate(int32x4_t* sum, int is_first, int8x16_t x, int8x16_t w) {
  int16x8_t products;
  if (is_first) {
    __asm__("smull %1.8h, %2.8b, %3.8b\n\tsmlal2 %1.8h, %2.16b, %3.16b\n\tsaddlp %0.4s, %1.8h"
            : "=w"(*sum), "=&w"(products)
            : "w"(x), "w"(w));
  } else {
    __asm__("smull %1.8h, %2.8b, %3.8b\n\tsmlal2 %1.8h, %2.16b, %3.16b\n\tsadalp %0.4s, %1.8h"
            : "+w"(*sum), "=&w"(products)
            : "w"(x), "w"(w));
  }
}

/* The totals of four vectors */
THIMBLE_KERNEL int32x4_t thimble_neon_totals(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
  return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}

/* What every pixel's sums start from: the bias, and the input's offset times the sum of the weights. bias may
 * be NULL. */
THIMBLE_KERNEL void thimble_neon_starts(int32_t* starts, const int8_t* weights, int32_t taps,
                                        int32_t channels, const int32_t* bias, int32_t input_offset) {
  const int32_t steps = thimble_neon_padded(taps, THIMBLE_NEON_STEP) / THIMBLE_NEON_STEP;
  for (int32_t o = 0; o < channels; o += THIMBLE_NEON_CHANNELS) {
    int32x4_t sums[THIMBLE_NEON_CHANNELS];
    for (int32_t k = 0; k < THIMBLE_NEON_CHANNELS; ++k) sums[k] = vdupq_n_s32(0);
    for (int32_t s = 0; s < steps; ++s) {
      for (int32_t k = 0; k < THIMBLE_NEON_CHANNELS; ++k, weights += THIMBLE_NEON_STEP) {
        sums[k] = vpadalq_s16(sums[k], vpaddlq_s8(vld1q_s8(weights)));
      }
    }
    const int32x4_t total = thimble_neon_totals(sums[0], sums[1], sums[2], sums[3]);
    vst1q_s32(starts + o, vmulq_n_s32(total, input_offset));
    for (int32_t k = o; bias && k < o + THIMBLE_NEON_CHANNELS && k < channels; ++k) {
      starts[k] = (int32_t)((uint32_t)starts[k] + (uint32_t)bias[k]);
    }
  }
}

/* Four numbers of an array that may end before them. */
THIMBLE_KERNEL int32x4_t thimble_neon_load_up_to_four(const int32_t* values, int32_t count) {
  int32_t four[4] = {0, 0, 0, 0};
  if (count >= 4) return vld1q_s32(values);
  for (int32_t k = 0; k < count; ++k) four[k] = values[k];
  return vld1q_s32(four);
}

/* One step of one pixel and four channels */
THIMBLE_KERNEL void thimble_neon_step(int32x4_t* sums, int is_first, const int8_t* x, int8x16_t w0,
                                      int8x16_t w1, int8x16_t w2, int8x16_t w3) {
  const int8x16_t in = vld1q_s8(x);
  thimble_neon_accumulate(&sums[0], is_first, in, w0);
  thimble_neon_accumulate(&sums[1], is_first, in, w1);
  thimble_neon_accumulate(&sums[2], is_first, in, w2);
  thimble_neon_accumulate(&sums[3], is_first, in, w3);
}

/* One step of four pixels and four channels */
THIMBLE_KERNEL void thimble_neon_step_of_four(int32x4_t* sums, int is_first, const int8_t* x0,
                                              const int8_t* x1, const int8_t* x2, const int8_t* x3,
                                              const int8_t* weights) {
  const int8x16_t w0 = vld1q_s8(weights), w1 = vld1q_s8(weights + 16);
  const int8x16_t w2 = vld1q_s8(weights + 32), w3 = vld1q_s8(weights + 48);
  thimble_neon_step(sums, is_first, x0, w0, w1, w2, w3);
  thimble_neon_step(sums + 4, is_first, x1, w0, w1, w2, w3);
  thimble_neon_step(sums + 8, is_first, x2, w0, w1, w2, w3);
  thimble_neon_step(sums + 12, is_first, x3, w0, w1, w2, w3);
}

/* Two steps of one pixel and four channels, with one load for both. What is volatile keeps the loads of the
 * pixels apart: there are no registers for all of them. */
THIMBLE_KERNEL void thimble_neon_two_steps(int32x4_t* sums, const int8_t* x, const int8x16_t* w) {
  const int8x16_t in = vld1q_s8(x), next = vld1q_s8(x + 16);
  thimble_neon_accumulate(&sums[0], 0, in, w[0]);
  thimble_neon_accumulate(&sums[1], 0, in, w[1]);
  thimble_neon_accumulate(&sums[2], 0, in, w[2]);
  thimble_neon_accumulate(&sums[3], 0, in, w[3]);
  thimble_neon_accumulate(&sums[0], 0, next, w[4]);
  thimble_neon_accumulate(&sums[1], 0, next, w[5]);
  thimble_neon_accumulate(&sums[2], 0, next, w[6]);
  thimble_neon_accumulate(&sums[3], 0, next, w[7]);
  __asm__ volatile("" ::: "memory");
}

/* All output channels of four pixels, each `taps` bytes from x0, x1, ... on, readable up to a whole step. The
 * outputs of the pixels lie `channels` bytes apart; only those of the first `pixels` are written. */
THIMBLE_KERNEL void thimble_neon_tile(const int8_t* x0, const int8_t* x1, const int8_t* x2, const int8_t* x3,
                                      int32_t pixels, const int8_t* weights, int32_t taps, int32_t channels,
                                      const int32_t* starts, const int32_t* multipliers,
                                      const int32_t* shifts, int32_t has_left, int32_t output_offset,
                                      int32_t low, int32_t high, int8_t* output) {
  const int32_t padded = thimble_neon_padded(taps, THIMBLE_NEON_STEP);
  for (int32_t o = 0; o < channels; o += THIMBLE_NEON_CHANNELS) {
    int32x4_t s[16];
    thimble_neon_step_of_four(s, 1, x0, x1, x2, x3, weights);
    weights += THIMBLE_NEON_CHANNELS * THIMBLE_NEON_STEP;
    int32_t i = THIMBLE_NEON_STEP;
    for (; i + 2 * THIMBLE_NEON_STEP <= padded; i += 2 * THIMBLE_NEON_STEP) {
      const int8x16_t w[8] = {vld1q_s8(weights),      vld1q_s8(weights + 16), vld1q_s8(weights + 32),
                              vld1q_s8(weights + 48), vld1q_s8(weights + 64), vld1q_s8(weights + 80),
                              vld1q_s8(weights + 96), vld1q_s8(weights + 112)};
      weights += 2 * THIMBLE_NEON_CHANNELS * THIMBLE_NEON_STEP;
      thimble_neon_two_steps(s, x0 + i, w);
      thimble_neon_two_steps(s + 4, x1 + i, w);
      thimble_neon_two_steps(s + 8, x2 + i, w);
      thimble_neon_two_steps(s + 12, x3 + i, w);
    }
    if (i < padded) {
      thimble_neon_step_of_four(s, 0, x0 + i, x1 + i, x2 + i, x3 + i, weights);
      weights += THIMBLE_NEON_CHANNELS * THIMBLE_NEON_STEP;
    }
    const int32_t left = channels - o;
    const int32x4_t start = vld1q_s32(starts + o);
    const int32x4_t multiplier = thimble_neon_load_up_to_four(multipliers + o, left);
    const int32x4_t shift = thimble_neon_load_up_to_four(shifts + o, left);
    const int8x16_t result = thimble_neon_narrow(
        thimble_neon_multiply(vaddq_s32(thimble_neon_totals(s[0], s[1], s[2], s[3]), start), multiplier,
                              shift, has_left),
        thimble_neon_multiply(vaddq_s32(thimble_neon_totals(s[4], s[5], s[6], s[7]), start), multiplier,
                              shift, has_left),
        thimble_neon_multiply(vaddq_s32(thimble_neon_totals(s[8], s[9], s[10], s[11]), start), multiplier,
                              shift, has_left),
        thimble_neon_multiply(vaddq_s32(thimble_neon_totals(s[12], s[13], s[14], s[15]), start), multiplier,
                              shift, has_left),
        output_offset, low, high);
    if (pixels == 4 && left >= 4) {
      const int32x4_t words = vreinterpretq_s32_s8(result);
      const int32_t w[4] = {vgetq_lane_s32(words, 0), vgetq_lane_s32(words, 1), vgetq_lane_s32(words, 2),
                            vgetq_lane_s32(words, 3)};
      for (int32_t k = 0; k < 4; ++k) memcpy(output + k * channels + o, &w[k], 4);
    } else {
      int8_t bytes[16];
      vst1q_s8(bytes, result);
      for (int32_t k = 0; k < pixels; ++k) {
        memcpy(output + k * channels + o, bytes + 4 * k, (size_t)(left < 4 ? left : 4));
      }
    }
  }
}

/* The same for one pixel. */
THIMBLE_KERNEL void thimble_neon_row(const int8_t* x, const int8_t* weights, int32_t taps, int32_t channels,
                                     const int32_t* starts, const int32_t* multipliers, const int32_t* shifts,
                                     int32_t has_left, int32_t output_offset, int32_t low, int32_t high,
                                     int8_t* output) {
  const int32_t padded = thimble_neon_padded(taps, THIMBLE_NEON_STEP);
  for (int32_t o = 0; o < channels; o += THIMBLE_NEON_CHANNELS) {
    int32x4_t s[4];
    for (int32_t i = 0; i < padded; i += THIMBLE_NEON_STEP) {
      thimble_neon_step(s, i == 0, x + i, vld1q_s8(weights), vld1q_s8(weights + 16), vld1q_s8(weights + 32),
                        vld1q_s8(weights + 48));
      weights += THIMBLE_NEON_CHANNELS * THIMBLE_NEON_STEP;
    }
    const int32_t left = channels - o;
    const int32x4_t sum = vaddq_s32(thimble_neon_totals(s[0], s[1], s[2], s[3]), vld1q_s32(starts + o));
    const int32x4_t scaled = thimble_neon_multiply(sum, thimble_neon_load_up_to_four(multipliers + o, left),
                                                   thimble_neon_load_up_to_four(shifts + o, left), has_left);
    int8_t bytes[16];
    vst1q_s8(bytes, thimble_neon_narrow(scaled, scaled, scaled, scaled, output_offset, low, high));
    memcpy(output + o, bytes, (size_t)(left < 4 ? left : 4));
  }
}

#endif
