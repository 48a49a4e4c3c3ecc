/* What the convolutions here share: tiles of four output channels, multiplied with two places of the image at
 * a time.
 *
 * Both factors are int16, two to a word, so that SMLAD does two multiply-accumulates. The taps of a place are
 * one run of words; a tile's weights are, for each such word, four words, one a channel. Taps come in groups
 * of four, two words each: the first holds taps 0 and 2, the second 1 and 3, which is how SXTB16 widens four
 * bytes. docs/kernels.md has the counts. */
#ifndef THIMBLE_ARMV7EM_TILE_S8_H
#define THIMBLE_ARMV7EM_TILE_S8_H

#include "../generic/fixed_point.h"
#include "dsp.h"

/* The inner loop in assembly keeps eight sums, four factors and two addresses in all fourteen registers: more
 * than compilers manage, and more than there are when one is a frame pointer. So what follows has none, to
 * the end of the file that includes this: the layers' functions, into which the loop is inlined, lie there.
 * THIMBLE_NO_ASSEMBLY, or a build without optimization, takes the C below instead. */
#if THIMBLE_DSP && defined(__OPTIMIZE__) && !defined(__clang__) && !defined(THIMBLE_NO_ASSEMBLY)
#define THIMBLE_TILE_ASSEMBLY 1
#pragma GCC optimize("omit-frame-pointer")
#else
#define THIMBLE_TILE_ASSEMBLY 0
#endif

/* Weights of one byte: a word of four taps for each of four channels, group by group. Returns what lies
 * behind them. */
THIMBLE_KERNEL const uint32_t* thimble_widen_tile_s8(const uint32_t* weights, int32_t groups,
                                                     uint32_t* tile) {
  for (int32_t g = 0; g < groups; ++g) {
    const uint32_t w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
    tile[0] = thimble_sxtb16(w0);
    tile[1] = thimble_sxtb16(w1);
    tile[2] = thimble_sxtb16(w2);
    tile[3] = thimble_sxtb16(w3);
    tile[4] = thimble_sxtb16_odd(w0);
    tile[5] = thimble_sxtb16_odd(w1);
    tile[6] = thimble_sxtb16_odd(w2);
    tile[7] = thimble_sxtb16_odd(w3);
    weights += 4;
    tile += 8;
  }
  return weights;
}

/* Weights of half a byte: a word holds four taps of one group in its low nibbles and of the next in its high
 * ones. They are widened to 16 times their value, which costs no more than widening bytes. `groups` is even:
 * a last group of zeros fills up. */
THIMBLE_KERNEL const uint32_t* thimble_widen_tile_s4(const uint32_t* weights, int32_t groups,
                                                     uint32_t* tile) {
  const uint32_t mask = 0xF0F0F0F0U;
  for (int32_t g = 0; g < groups; g += 2) {
    for (int32_t channel = 0; channel < 4; ++channel) {
      const uint32_t first = (weights[channel] << 4) & mask;
      const uint32_t second = weights[channel] & mask;
      tile[channel] = thimble_sxtb16(first);
      tile[4 + channel] = thimble_sxtb16_odd(first);
      tile[8 + channel] = thimble_sxtb16(second);
      tile[12 + channel] = thimble_sxtb16_odd(second);
    }
    weights += 4;
    tile += 16;
  }
  return weights;
}

/* One place */
THIMBLE_KERNEL void thimble_tile_dot_one(const thimble_word* place, const uint32_t* tile, int32_t groups,
                                         int32_t sums[4]) {
  int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0;
  const thimble_word* const end = place + 2 * groups;
  while (place != end) {
    const uint32_t x0 = place[0], x1 = place[1];
    a0 = thimble_smlad(x0, tile[0], a0);
    a1 = thimble_smlad(x0, tile[1], a1);
    a2 = thimble_smlad(x0, tile[2], a2);
    a3 = thimble_smlad(x0, tile[3], a3);
    a0 = thimble_smlad(x1, tile[4], a0);
    a1 = thimble_smlad(x1, tile[5], a1);
    a2 = thimble_smlad(x1, tile[6], a2);
    a3 = thimble_smlad(x1, tile[7], a3);
    place += 2;
    tile += 8;
  }
  sums[0] = a0;
  sums[1] = a1;
  sums[2] = a2;
  sums[3] = a3;
}

/* The most bytes between two places that share a walk: what fits the offset of a load */
#define THIMBLE_TILE_REACH 4000

/* How sums become outputs. `factors` has three words for each channel. With `simple`: twice the bias, the
 * multiplier, and one less than the right shift, which is 1 to 22, while no sum with its bias reaches 2^29;
 * rounding then takes few instructions. Else: the bias, the multiplier, the shift. The C writer knows which.
 * `scale` is 1, or 16 for sums of weights that were widened to 16 times their value. */
typedef struct {
  const int32_t* factors;
  int32_t scale, simple;
  int32_t offset, low, high;
} thimble_tile_output;

THIMBLE_KERNEL int8_t thimble_tile_requantize(const thimble_tile_output* t, int32_t sum,
                                              const int32_t* factors) {
  if (t->simple) {
    const int32_t twice = (t->scale == 16 ? sum >> 3 : sum * 2) + factors[0];
    return thimble_requantize_scaled(thimble_smmulr(twice, factors[1]), factors[2], t->offset, t->low,
                                     t->high);
  }
  return thimble_requantize(thimble_wrapping_add(t->scale == 16 ? sum >> 4 : sum, factors[0]), factors[1],
                            factors[2], t->offset, t->low, t->high);
}

/* Writes one place's first `channels` (1 to 4) of a tile that begins at channel `first`. */
THIMBLE_KERNEL void thimble_tile_write(const thimble_tile_output* t, const int32_t* sums, int32_t first,
                                       int32_t channels, int8_t* output) {
  for (int32_t i = 0; i < channels; ++i) {
    output[i] = thimble_tile_requantize(t, sums[i], t->factors + 3 * (first + i));
  }
}

#if THIMBLE_TILE_ASSEMBLY
/* The products of two places, `distance` bytes apart (0 < distance <= THIMBLE_TILE_REACH), and with `finish`
 * the outputs that four full channels make of them, `output_c` bytes apart; else the sums. All but pointers
 * are literals. */
THIMBLE_KERNEL void thimble_tile_two_places_assembly(const thimble_tile_output* t, const uint32_t* place,
                                                     int32_t distance, const uint32_t* tile, int32_t groups,
                                                     int32_t finish, const int32_t* factors, int8_t* output,
                                                     int32_t output_c, int32_t sums[8]) {
  int32_t a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
  uint32_t x, y, v, w;
/* One word of taps: 16 multiply-accumulates. `at` is its place among those of one turn. */
#define THIMBLE_TILE_STEP                            \
  "ldr %[x], [%[place], #4 * at]\n\t"                \
  "ldr %[y], [%[place], #%c[distance] + 4 * at]\n\t" \
  "ldr %[v], [%[tile], #16 * at]\n\t"                \
  "ldr %[w], [%[tile], #16 * at + 4]\n\t"            \
  "smlad %[a0], %[x], %[v], %[a0]\n\t"               \
  "smlad %[b0], %[y], %[v], %[b0]\n\t"               \
  "smlad %[a1], %[x], %[w], %[a1]\n\t"               \
  "smlad %[b1], %[y], %[w], %[b1]\n\t"               \
  "ldr %[v], [%[tile], #16 * at + 8]\n\t"            \
  "ldr %[w], [%[tile], #16 * at + 12]\n\t"           \
  "smlad %[a2], %[x], %[v], %[a2]\n\t"               \
  "smlad %[b2], %[y], %[v], %[b2]\n\t"               \
  "smlad %[a3], %[x], %[w], %[a3]\n\t"               \
  "smlad %[b3], %[y], %[w], %[b3]\n\t"               \
  ".set at, at + 1\n\t"
#define THIMBLE_TILE_OPERANDS                                                                              \
  [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3), [b0] "+r"(b0), [b1] "+r"(b1), [b2] "+r"(b2), \
      [b3] "+r"(b3), [place] "+r"(place), [tile] "+r"(tile), [x] "=&r"(x), [y] "=&r"(y), [v] "=&r"(v),     \
      [w] "=&r"(w)
  if (groups >= 4) {
    const uint32_t* const end = tile + 8 * (groups & ~3);
    __asm__ volatile(
        "1:\n\t"
        ".set at, 0\n\t"
        ".rept 8\n\t" THIMBLE_TILE_STEP
        ".endr\n\t"
        "add %[place], #32\n\t"
        "ldr %[v], %[end]\n\t"
        "add %[tile], #128\n\t"
        "cmp %[tile], %[v]\n\t"
        "bne 1b"
        : THIMBLE_TILE_OPERANDS
        : [distance] "i"(distance), [end] "m"(end)
        : "cc", "memory");
  }
  if (groups & 3) {
    __asm__ volatile(".set at, 0\n\t.rept %c[steps]\n\t" THIMBLE_TILE_STEP ".endr"
                     : THIMBLE_TILE_OPERANDS
                     : [distance] "i"(distance), [steps] "i"(2 * (groups & 3))
                     : "memory");
  }
/* The outputs of one channel at both places. The right shift's last bit is shifted out with the saturation.
 */
#define THIMBLE_TILE_FINISH(channel, a, b, doubled) \
  "ldr %[x], [%[tile], #12 * " channel              \
  "]\n\t"                                           \
  "ldr %[y], [%[tile], #12 * " channel              \
  " + 4]\n\t"                                       \
  "ldr %[v], [%[tile], #12 * " channel              \
  " + 8]\n\t"                                       \
  "mov %[w], %[rounding]\n\t"                       \
  "lsl %[w], %[w], %[v]\n\t"                        \
  "add " a ", %[x], " a ", " doubled                \
  "\n\t"                                            \
  "add " b ", %[x], " b ", " doubled                \
  "\n\t"                                            \
  "smmulr " a ", " a                                \
  ", %[y]\n\t"                                      \
  "smmulr " b ", " b                                \
  ", %[y]\n\t"                                      \
  "add " a ", " a ", " a                            \
  ", asr #31\n\t"                                   \
  "add " b ", " b ", " b                            \
  ", asr #31\n\t"                                   \
  "add " a                                          \
  ", %[w]\n\t"                                      \
  "add " b                                          \
  ", %[w]\n\t"                                      \
  "asr " a                                          \
  ", %[v]\n\t"                                      \
  "asr " b                                          \
  ", %[v]\n\t"                                      \
  "ssat " a ", #8, " a                              \
  ", asr #1\n\t"                                    \
  "ssat " b ", #8, " b                              \
  ", asr #1\n\t"                                    \
  "strb " a ", [%[place], #" channel                \
  "]\n\t"                                           \
  "strb " b ", [%[place], #%c[step] + " channel "]\n\t"
#define THIMBLE_TILE_FINISH_ALL(doubled)              \
  THIMBLE_TILE_FINISH("0", "%[a0]", "%[b0]", doubled) \
  THIMBLE_TILE_FINISH("1", "%[a1]", "%[b1]", doubled) \
  THIMBLE_TILE_FINISH("2", "%[a2]", "%[b2]", doubled) \
  THIMBLE_TILE_FINISH("3", "%[a3]", "%[b3]", doubled)
  if (finish) {
    place = (const uint32_t*)(void*)output;
    tile = (const uint32_t*)(const void*)factors;
    if (t->scale == 16) {
      __asm__ volatile(THIMBLE_TILE_FINISH_ALL("asr #3")
                       : THIMBLE_TILE_OPERANDS
                       : [rounding] "i"(2 * t->offset + 1), [step] "i"(output_c)
                       : "memory");
    } else {
      __asm__ volatile(THIMBLE_TILE_FINISH_ALL("lsl #1")
                       : THIMBLE_TILE_OPERANDS
                       : [rounding] "i"(2 * t->offset + 1), [step] "i"(output_c)
                       : "memory");
    }
    return;
  }
#undef THIMBLE_TILE_FINISH_ALL
#undef THIMBLE_TILE_FINISH
#undef THIMBLE_TILE_STEP
#undef THIMBLE_TILE_OPERANDS
  sums[0] = a0;
  sums[1] = a1;
  sums[2] = a2;
  sums[3] = a3;
  sums[4] = b0;
  sums[5] = b1;
  sums[6] = b2;
  sums[7] = b3;
}
#endif

/* Two places, `distance` bytes apart (0 < distance <= THIMBLE_TILE_REACH): `channels` (1 to 4) outputs of
 * each, from channel `first` on; the second place's lie output_c behind the first's. */
THIMBLE_KERNEL void thimble_tile_two_places(const thimble_tile_output* t, const uint32_t* place,
                                            int32_t distance, const uint32_t* tile, int32_t groups,
                                            int32_t first, int32_t channels, int8_t* output,
                                            int32_t output_c) {
  int32_t sums[8];
#if THIMBLE_TILE_ASSEMBLY
  /* -Og does not carry them into what it inlines: it takes the C. */
  if (__builtin_constant_p(distance) && __builtin_constant_p(groups) && __builtin_constant_p(t->offset) &&
      __builtin_constant_p(output_c)) {
    const int32_t finish =
        channels == 4 && t->simple && t->low == -128 && t->high == 127 && output_c <= THIMBLE_TILE_REACH;
    thimble_tile_two_places_assembly(t, place, distance, tile, groups, finish, t->factors + 3 * first, output,
                                     output_c, sums);
    if (finish) return;
  } else
#endif
  {
    thimble_tile_dot_one(place, tile, groups, sums);
    thimble_tile_dot_one(place + distance / 4, tile, groups, sums + 4);
  }
  thimble_tile_write(t, sums, first, channels, output);
  thimble_tile_write(t, sums + 4, first, channels, output + output_c);
}

/* All places of one row for one tile: `places` runs of taps, each `distance` bytes behind the last. */
THIMBLE_KERNEL void thimble_tile_row(const thimble_tile_output* t, const uint32_t* run, int32_t distance,
                                     int32_t places, const uint32_t* tile, int32_t groups, int32_t first,
                                     int32_t channels, int8_t* output, int32_t output_c) {
  int32_t x = 0;
  int32_t sums[4];
  if (distance <= THIMBLE_TILE_REACH) {
    for (; x + 2 <= places; x += 2) {
      thimble_tile_two_places(t, run, distance, tile, groups, first, output_c % 4 == 0 ? 4 : channels, output,
                              output_c);
      run += distance / 2;
      output += 2 * output_c;
    }
  }
  for (; x < places; ++x) {
    thimble_tile_dot_one(run, tile, groups, sums);
    thimble_tile_write(t, sums, first, channels, output);
    run += distance / 4;
    output += output_c;
  }
}

/* `count` int8 as int16 with an offset added. In fours: in the order of a group, `to` on a word; otherwise in
 * their own. */
THIMBLE_KERNEL void thimble_widen_taps(const int8_t* from, int32_t count, int32_t in_fours, int32_t offset,
                                       thimble_half* to) {
  if (in_fours) {
    const uint32_t offsets = thimble_pair(offset, offset);
    thimble_word* words = (thimble_word*)(void*)to;
    for (int32_t i = 0; i < count; i += 4) {
      const uint32_t four = thimble_load_word(from + i);
      *words++ = thimble_sxtab16(offsets, four);
      *words++ = thimble_sxtab16_odd(offsets, four);
    }
  } else {
    for (int32_t i = 0; i < count; ++i) to[i] = (int16_t)(from[i] + offset);
  }
}

#endif
