/* Weights of 4 bits, two to a byte, the first in the low nibble, as TensorFlow Lite's INT4 tensors have them:
 * -8 to 7 in two's complement. */
#ifndef THIMBLE_GENERIC_NIBBLES_H
#define THIMBLE_GENERIC_NIBBLES_H

#include <stdint.h>

#include "kernel.h"

THIMBLE_KERNEL int8_t thimble_low_nibble(uint8_t byte) { return (int8_t)((int8_t)(uint8_t)(byte << 4) >> 4); }

THIMBLE_KERNEL int8_t thimble_high_nibble(uint8_t byte) { return (int8_t)((int8_t)byte >> 4); }

THIMBLE_KERNEL int8_t thimble_weight_s4(const uint8_t* weights, int32_t index) {
  const uint8_t byte = weights[(uint32_t)index / 2];
  return index % 2 == 0 ? thimble_low_nibble(byte) : thimble_high_nibble(byte);
}

/* Weights [first, first + count) as bytes */
THIMBLE_KERNEL void thimble_unpack_s4(const uint8_t* weights, int32_t first, int32_t count, int8_t* to) {
  int32_t i = 0;
  if (first % 2 != 0 && count > 0) to[i++] = thimble_weight_s4(weights, first);
  for (const uint8_t* from = weights + (first + i) / 2; i + 2 <= count; i += 2, ++from) {
    to[i] = thimble_low_nibble(*from);
    to[i + 1] = thimble_high_nibble(*from);
  }
  if (i < count) to[i] = thimble_weight_s4(weights, first + i);
}

#endif
