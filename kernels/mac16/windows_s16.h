/* What the kernels here share, for an Xtensa with MAC16 (an ESP32), which multiplies
 * two halves of words, adds the product to one accumulator, and loads another word, all in one instruction.
 *
 * The windows of one row of outputs are copied to scratch first, widened to 16 bits, with the input's offset
 * added: a window is one run, by column, row and channel, and what lies outside the image is 0. Then, channel
 * by channel, the weights are widened once for the row, and each of its places is one sum of products.
 *
 * Taps come in groups of four, filled up with weights of 0. Of each group, the word with the first two
 * weights and the word with the others lie in arrays of their own: see thimble_mac16_block. */
#ifndef THIMBLE_MAC16_WINDOWS_S16_H
#define THIMBLE_MAC16_WINDOWS_S16_H

#include "../generic/window_runs.h"

/* THIMBLE_NO_ASSEMBLY, a build without optimization, another compiler than GCC, or an Xtensa whose core-isa.h
 * (generic/fixed_point.h finds it) lacks something takes C instead. Without that header, all is there. */
#if defined(XCHAL_HAVE_MAC16) && !(XCHAL_HAVE_MAC16 && XCHAL_HAVE_LOOPS && XCHAL_HAVE_CLAMPS)
#define THIMBLE_MAC16_ASSEMBLY 0
#elif defined(__xtensa__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) && \
    !defined(THIMBLE_NO_ASSEMBLY)
#define THIMBLE_MAC16_ASSEMBLY 1
#else
#define THIMBLE_MAC16_ASSEMBLY 0
#endif

/* Groups whose words lie side by side: even, and as far as a load reaches from its address */
#define THIMBLE_MAC16_BLOCK 254

THIMBLE_KERNEL thimble_windows thimble_mac16_windows_of(const thimble_conv2d_parameters* p) {
  thimble_windows w = thimble_windows_of(p);
  w.column = (w.column + 1) / 2 * 2; /* whole words */
  w.taps = p->kernel_w * w.column;
  return w;
}

THIMBLE_KERNEL int32_t thimble_mac16_groups(const thimble_windows* w) { return (w->taps + 3) / 4; }

/* Words of scratch: the columns of a row, two words that are read behind the last window times 0 or for
 * nothing, a channel's weights, and one word that is read behind these for nothing. */
THIMBLE_KERNEL int32_t thimble_mac16_scratch(const thimble_windows* w) {
  return w->columns * w->column / 2 + 2 + 2 * thimble_mac16_groups(w) + 1;
}

/* Moves `count` numbers down by `distance`, in words where both are even: `to` is a word's address then. GCC,
 * did it know how `to` and `from` are related, would call memmove, which costs more than these few words. */
THIMBLE_KERNEL void thimble_mac16_move(int16_t* to, int32_t distance, int32_t count) {
  const int16_t* from = to + distance;
#if THIMBLE_MAC16_ASSEMBLY
  __asm__("" : "+r"(from));
#endif
  if (distance % 2 == 0 && count % 2 == 0) {
    THIMBLE_UNROLL
    for (int32_t i = 0; i < count; i += 2) *(thimble_word*)(to + i) = *(const thimble_word*)(from + i);
  } else {
    THIMBLE_UNROLL
    for (int32_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

/* The columns of output row y; `pixel` bytes lie from one pixel of the input to the next. Columns of the row
 * before are there, and what they share moves up: each row of the input is read once. */
THIMBLE_KERNEL void thimble_mac16_fill(const thimble_conv2d_parameters* p, const thimble_windows* w,
                                       const int8_t* input, int32_t pixel, int32_t y, int16_t* to) {
  const int32_t moved = y > 0 && p->stride_h < p->kernel_h ? p->kernel_h - p->stride_h : 0;
  for (int32_t c = 0; c < w->columns; ++c) {
    const int32_t first = w->shared ? c : c / p->kernel_w * p->stride_w + c % p->kernel_w;
    const int32_t x = first - p->pad_left;
    if (moved) thimble_mac16_move(to, p->stride_h * p->input_c, moved * p->input_c);
    to += moved * p->input_c;
    for (int32_t k = moved; k < p->kernel_h; ++k, to += p->input_c) {
      const int32_t row = y * p->stride_h - p->pad_top + k;
      if (row < 0 || row >= p->input_h || x < 0 || x >= p->input_w) {
        for (int32_t i = 0; i < p->input_c; ++i) to[i] = 0;
      } else {
        const int8_t* const from = input + (row * p->input_w + x) * pixel;
        THIMBLE_UNROLL
        for (int32_t i = 0; i < p->input_c; ++i) to[i] = (int16_t)(from[i] + p->input_offset);
      }
    }
    if (p->kernel_h * p->input_c % 2) *to++ = 0;
  }
}

/* `sum` and the products of `groups` (at most THIMBLE_MAC16_BLOCK; for assembly a literal) groups of taps:
 * five instructions for four products. A word that is loaded is read three instructions later at the
 * earliest, and nothing is waited for; were all four words to come by MULA's own loads, two of them would be.
 * A loop's first instruction must lie in one word, and no padding can be run through. Assemblers for other
 * Xtensas do not know MAC16, so its instructions are written as bytes, and registers are a8 to a11. */
THIMBLE_KERNEL uint32_t thimble_mac16_block(uint32_t sum, const int16_t* window, const uint32_t* weights,
                                            int32_t groups) {
#if THIMBLE_MAC16_ASSEMBLY
  if (__builtin_constant_p(groups)) {
    register const int16_t* x __asm__("a8") = window - 2;
    register const uint32_t* w __asm__("a9") = weights - 1;
    register uint32_t v __asm__("a10") = sum;
    __asm__ volatile(
        "j 1f\n\t"
        ".p2align 2\n"
        "1:\t_movi a11, %c[groups]\n\t"
        ".byte 0xa0, 0x10, 0x13\n\t" /* wsr.acclo a10 */
        ".byte 0x04, 0x08, 0x80\n\t" /* ldinc m0, a8 */
        ".byte 0x04, 0x29, 0x80\n\t" /* ldinc m2, a9 */
        "_l32i %[v], %[w], 4 * %c[groups]\n\t"
        ".byte 0x04, 0x18, 0x80\n\t" /* ldinc m1, a8 */
        ".byte 0x76, 0x8b, 0x0e\n\t" /* loop a11, 2f */
        ".byte 0x04, 0x00, 0x28\n\t" /* mula.dd.ll m0, m2 */
        ".byte 0x04, 0x08, 0x0b\n\t" /* mula.dd.hh.ldinc m0, a8, m0, m2 */
        ".byte 0xa4, 0x69, 0x48\n\t" /* mula.da.ll.ldinc m2, a9, m1, a10 */
        ".byte 0xa4, 0x58, 0x4b\n\t" /* mula.da.hh.ldinc m1, a8, m1, a10 */
        "_l32i %[v], %[w], 4 * %c[groups]\n\t"
        ".byte 0xa0, 0x10, 0x03\n\t" /* 2: rsr.acclo a10 */
        : [v] "+r"(v), [w] "+r"(w), "+r"(x)
        : [groups] "i"(groups)
        : "a11", "acc", "memory");
    return v;
  }
#endif
  for (int32_t i = 0; i < groups; ++i, window += 4) {
    const uint32_t first = weights[i], second = weights[groups + i];
    sum += (uint32_t)(window[0] * (int16_t)(uint16_t)first + window[1] * (int16_t)(uint16_t)(first >> 16) +
                      window[2] * (int16_t)(uint16_t)second + window[3] * (int16_t)(uint16_t)(second >> 16));
  }
  return sum;
}

/* The sum of a window's products */
THIMBLE_KERNEL int32_t thimble_mac16_products(const int16_t* window, const uint32_t* weights,
                                              int32_t groups) {
  const int32_t blocks = groups / THIMBLE_MAC16_BLOCK, rest = groups % THIMBLE_MAC16_BLOCK;
  uint32_t sum = 0;
  for (int32_t i = 0; i < blocks; ++i) {
    sum = thimble_mac16_block(sum, window, weights, THIMBLE_MAC16_BLOCK);
    window += 4 * THIMBLE_MAC16_BLOCK, weights += 2 * THIMBLE_MAC16_BLOCK;
  }
  if (rest) sum = thimble_mac16_block(sum, window, weights, rest);
  return (int32_t)sum;
}

/* thimble_clamp with CLAMPS, which an assembler for an lx106 does not know */
THIMBLE_KERNEL int32_t thimble_mac16_clamp(int32_t x, int32_t low, int32_t high) {
#if THIMBLE_MAC16_ASSEMBLY
  if (low == -128 && high == 127) {
    register int32_t clamped __asm__("a8") = x;
    __asm__(".byte 0x00, 0x88, 0x33" : "+r"(clamped)); /* clamps a8, a8, 7 */
    return clamped;
  }
#endif
  return thimble_clamp(x, low, high);
}

/* Widens the weights of a channel from `packed` on: thimble_mac16_widen_s8 and _s4. */
typedef void (*thimble_mac16_widen)(const uint32_t* packed, int32_t groups, uint32_t* to);

/* A channel's outputs of a row, one every `step` bytes. `start`, `multiplier` and `shift` are
 * thimble_windows_scale's. */
THIMBLE_KERNEL void thimble_mac16_row(const thimble_conv2d_parameters* p, const thimble_windows* w,
                                      const int16_t* window, const uint32_t* weights, int32_t simple,
                                      int32_t start, int32_t multiplier, int32_t shift, int32_t step,
                                      int8_t* output) {
  for (int32_t x = 0; x < p->output_w; ++x, window += w->step * w->column, output += step) {
    const int32_t sum = thimble_mac16_products(window, weights, thimble_mac16_groups(w));
    const int32_t scaled = thimble_windows_scale(p, simple, sum, start, multiplier, shift);
    *output = (int8_t)thimble_mac16_clamp(scaled, p->output_min, p->output_max);
  }
}

/* `widen` is inlined. `packed` has `channel_words` words for each channel, `factors` three. */
THIMBLE_KERNEL void thimble_conv2d_mac16(const thimble_conv2d_parameters* parameters, const int8_t* input,
                                         const uint32_t* packed, const int32_t* factors, void* scratch,
                                         int32_t simple, int32_t channel_words, thimble_mac16_widen widen,
                                         int8_t* output) {
  const thimble_conv2d_parameters q = thimble_conv2d_in_rows(parameters);
  const thimble_conv2d_parameters* const p = &q;
  const thimble_windows w = thimble_mac16_windows_of(p);
  int16_t* const windows = (int16_t*)scratch;
  uint32_t* const weights = (uint32_t*)scratch + w.columns * w.column / 2 + 2;
  for (int32_t y = 0; y < p->output_h; ++y, output += p->output_w * p->output_c) {
    thimble_mac16_fill(p, &w, input, p->input_c, y, windows);
    for (int32_t o = 0; o < p->output_c; ++o) {
      const int32_t start = factors[3 * o], multiplier = factors[3 * o + 1], shift = factors[3 * o + 2];
      widen(packed + o * channel_words, thimble_mac16_groups(&w), weights);
      thimble_mac16_row(p, &w, windows, weights, simple, start, multiplier, shift, p->output_c, output + o);
    }
  }
}

/* A depthwise convolution without multiplier or dilation: a channel at a time, each row of it read once. */
THIMBLE_KERNEL void thimble_depthwise_conv2d_mac16(const thimble_depthwise_conv2d_parameters* parameters,
                                                   const int8_t* input, const uint32_t* packed,
                                                   const int32_t* factors, void* scratch, int32_t simple,
                                                   int32_t channel_words, thimble_mac16_widen widen,
                                                   int8_t* output) {
  const thimble_conv2d_parameters channel = thimble_conv2d_of_channel(parameters);
  const thimble_conv2d_parameters q = thimble_conv2d_in_rows(&channel);
  const thimble_conv2d_parameters* const p = &q;
  const thimble_windows w = thimble_mac16_windows_of(p);
  const int32_t channels = parameters->input_c;
  int16_t* const windows = (int16_t*)scratch;
  uint32_t* const weights = (uint32_t*)scratch + w.columns * w.column / 2 + 2;
  for (int32_t c = 0; c < channels; ++c) {
    const int32_t start = factors[3 * c], multiplier = factors[3 * c + 1], shift = factors[3 * c + 2];
    widen(packed + c * channel_words, thimble_mac16_groups(&w), weights);
    for (int32_t y = 0; y < p->output_h; ++y) {
      thimble_mac16_fill(p, &w, input + c, channels, y, windows);
      thimble_mac16_row(p, &w, windows, weights, simple, start, multiplier, shift, channels,
                        output + y * p->output_w * channels + c);
    }
  }
}

#endif
