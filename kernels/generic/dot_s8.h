#ifndef THIMBLE_GENERIC_DOT_S8_H
#define THIMBLE_GENERIC_DOT_S8_H

#include <stdint.h>

#include "kernel.h"

/* Both factors fit 16 bits. Vector units multiply and add pairs of that size; scalar cores would only extend
 * them. */
#if defined(__SSE2__) || defined(__ARM_NEON)
typedef int16_t thimble_factor;
#else
typedef int32_t thimble_factor;
#endif

/* accumulator + sum over i of (input[i] + offset) * weights[i]; wraps */
THIMBLE_KERNEL int32_t thimble_dot_s8(int32_t accumulator, const int8_t* input, const int8_t* weights,
                                      int32_t count, int32_t offset) {
  uint32_t sum = (uint32_t)accumulator;
  THIMBLE_UNROLL
  for (int32_t i = 0; i < count; ++i) {
    const thimble_factor x = (thimble_factor)(input[i] + offset);
    const thimble_factor w = weights[i];
    sum += (uint32_t)(x * w);
  }
  return (int32_t)sum;
}

#endif
