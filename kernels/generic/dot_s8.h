#ifndef THIMBLE_GENERIC_DOT_S8_H
#define THIMBLE_GENERIC_DOT_S8_H

#include <stdint.h>

#include "kernel.h"

/* accumulator + sum over i of (input[i] + offset) * weights[i]; wraps. The factors fit 16 bits, and being of
 * that type they let the compiler use the target's 16-bit multiply-accumulate. */
THIMBLE_KERNEL int32_t thimble_dot_s8(int32_t accumulator, const int8_t* input, const int8_t* weights,
                                      int32_t count, int32_t offset) {
  uint32_t sum = (uint32_t)accumulator;
  for (int32_t i = 0; i < count; ++i) {
    const int16_t x = (int16_t)(input[i] + offset);
    const int16_t w = weights[i];
    sum += (uint32_t)(x * w);
  }
  return (int32_t)sum;
}

#endif
