/* Weights of 8 bits, -127 to 127, as conv2d_mac16 takes them. A packed word has a group of four: bytes 0 and
 * 2 the first two, bytes 1 and 3 the others. A byte is 127 more than its weight, and of two in the halves of
 * a word the upper is one more again where the lower weight is negative, which one subtraction takes off
 * both. */
#ifndef THIMBLE_MAC16_WIDEN_S8_H
#define THIMBLE_MAC16_WIDEN_S8_H

#include "windows_s16.h"

#define THIMBLE_MAC16_ZERO_S8 127

THIMBLE_KERNEL void thimble_mac16_widen_s8(const uint32_t* packed, int32_t groups, uint32_t* to) {
  const uint32_t mask = 0x00FF00FF, zero = THIMBLE_MAC16_ZERO_S8 * 0x00010001;
  int32_t count;
  for (int32_t begin = 0; begin < groups; begin += count, to += 2 * count) {
    count = groups - begin < THIMBLE_MAC16_BLOCK ? groups - begin : THIMBLE_MAC16_BLOCK;
    THIMBLE_UNROLL
    for (int32_t i = 0; i < count; ++i) {
      const uint32_t word = *packed++;
      to[i] = (word & mask) - zero;
      to[count + i] = (word >> 8 & mask) - zero;
    }
  }
}

#endif
