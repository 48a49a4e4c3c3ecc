/* (rows, I) x (O, I) + (O) -> (rows, O), with weights of 8 or of 4 bits.
 *
 * A group is four neighbouring inputs of one output's row, a byte each; the last group is filled with zeros.
 * Groups lie in words: those of four outputs' rows in turn, and of the last O % 4 outputs a row after the
 * other, so that one pointer walks over them. With 4 bits a word holds two groups, the first in the low
 * nibbles. The inputs are widened once, into the pairs that SXTB16 makes of a group. */
#ifndef THIMBLE_ARMV7EM_FULLY_CONNECTED_ROWS_H
#define THIMBLE_ARMV7EM_FULLY_CONNECTED_ROWS_H

#include "../generic/fixed_point.h"
#include "../generic/parameters.h"
#include "dsp.h"

/* Words of scratch: two pairs of inputs a group, of an even number of groups. */
THIMBLE_KERNEL int32_t thimble_fully_connected_rows_scratch(const thimble_fully_connected_parameters* p) {
  return (p->input_n + 7) / 8 * 4;
}

THIMBLE_KERNEL void thimble_fully_connected_widen(const thimble_fully_connected_parameters* p,
                                                  const int8_t* input, uint32_t* pairs) {
  const uint32_t offsets = thimble_pair(p->input_offset, p->input_offset);
  const int32_t end = 2 * thimble_fully_connected_rows_scratch(p);
  int32_t i = 0;
  for (; i + 4 <= p->input_n; i += 4) {
    const uint32_t group = thimble_load_word(input + i);
    *pairs++ = thimble_sxtab16(offsets, group);
    *pairs++ = thimble_sxtab16_odd(offsets, group);
  }
  for (; i < end; i += 4) { /* what lies behind the input meets weights of 0 */
    uint32_t group = 0;
    for (int32_t k = 0; k < 4 && i + k < p->input_n; ++k) group |= (uint32_t)(uint8_t)input[i + k] << (8 * k);
    *pairs++ = thimble_sxtab16(offsets, group);
    *pairs++ = thimble_sxtab16_odd(offsets, group);
  }
}

/* sum + a group of inputs times a group of weights */
THIMBLE_KERNEL int32_t thimble_fully_connected_group(const uint32_t* pairs, uint32_t weights, int32_t sum) {
  return thimble_smlad(pairs[1], thimble_sxtb16_odd(weights),
                       thimble_smlad(pairs[0], thimble_sxtb16(weights), sum));
}

/* sum + what a word of weights is multiplied with; `narrow`: times 16, with the nibbles where a byte's upper
 * half is */
THIMBLE_KERNEL int32_t thimble_fully_connected_word(const uint32_t* pairs, uint32_t weights, int32_t narrow,
                                                    int32_t sum) {
  if (!narrow) return thimble_fully_connected_group(pairs, weights, sum);
  sum = thimble_fully_connected_group(pairs, weights << 4 & 0xF0F0F0F0U, sum);
  return thimble_fully_connected_group(pairs + 2, weights & 0xF0F0F0F0U, sum);
}

/* bias may be NULL. multipliers and shifts have one entry an output channel. With `narrow`, 255 times the sum
 * of an output's |weights| must be below 2^27. */
THIMBLE_KERNEL void thimble_fully_connected_rows(const thimble_fully_connected_parameters* p,
                                                 const int8_t* input, const uint32_t* weights,
                                                 const int32_t* bias, const int32_t* multipliers,
                                                 const int32_t* shifts, uint32_t* scratch, int32_t narrow,
                                                 int8_t* output) {
  const int32_t words = narrow ? (p->input_n + 7) / 8 : (p->input_n + 3) / 4;
  const int32_t step = narrow ? 4 : 2;
  for (int32_t row = 0; row < p->rows; ++row, input += p->input_n, output += p->output_n) {
    const uint32_t* w = weights;
    int32_t outputs;
    thimble_fully_connected_widen(p, input, scratch);
    for (int32_t o = 0; o < p->output_n; o += outputs) {
      const uint32_t* pairs = scratch;
      int32_t sums[4] = {0, 0, 0, 0};
      outputs = p->output_n - o >= 4 ? 4 : 1;
      if (outputs == 4) {
        int32_t a = 0, b = 0, c = 0, d = 0;
        for (int32_t i = 0; i < words; ++i, pairs += step, w += 4) {
          a = thimble_fully_connected_word(pairs, w[0], narrow, a);
          b = thimble_fully_connected_word(pairs, w[1], narrow, b);
          c = thimble_fully_connected_word(pairs, w[2], narrow, c);
          d = thimble_fully_connected_word(pairs, w[3], narrow, d);
        }
        sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
      } else {
        for (int32_t i = 0; i < words; ++i, pairs += step) {
          sums[0] = thimble_fully_connected_word(pairs, *w++, narrow, sums[0]);
        }
      }
      for (int32_t k = 0; k < outputs; ++k) {
        const int32_t sum = thimble_wrapping_add(narrow ? sums[k] >> 4 : sums[k], bias ? bias[o + k] : 0);
        output[o + k] = thimble_requantize(sum, multipliers[o + k], shifts[o + k], p->output_offset,
                                           p->output_min, p->output_max);
      }
    }
  }
}

#endif
