/* Weights of 4 bits, -7 to 7, as conv2d_mac16 takes them: see widen_s8.h. A packed word has two groups, in
 * the four pairs of nibbles that are 16 bits apart. A nibble is 7 more than its weight. */
#ifndef THIMBLE_MAC16_WIDEN_S4_H
#define THIMBLE_MAC16_WIDEN_S4_H

#include "windows_s16.h"

#define THIMBLE_MAC16_ZERO_S4 7

THIMBLE_KERNEL void thimble_mac16_widen_s4(const uint32_t* packed, int32_t groups, uint32_t* to) {
  const uint32_t mask = 0x000F000F, zero = THIMBLE_MAC16_ZERO_S4 * 0x00010001;
  int32_t count;
  for (int32_t begin = 0; begin < groups; begin += count, to += 2 * count) {
    count = groups - begin < THIMBLE_MAC16_BLOCK ? groups - begin : THIMBLE_MAC16_BLOCK;
    THIMBLE_UNROLL
    for (int32_t i = 0; i < count / 2; ++i) {
      const uint32_t word = *packed++;
      to[2 * i] = (word & mask) - zero;
      to[count + 2 * i] = (word >> 4 & mask) - zero;
      to[2 * i + 1] = (word >> 8 & mask) - zero;
      to[count + 2 * i + 1] = (word >> 12 & mask) - zero;
    }
    if (count % 2) {
      to[count - 1] = (*packed & mask) - zero;
      to[2 * count - 1] = (*packed >> 4 & mask) - zero;
    }
  }
}

#endif
