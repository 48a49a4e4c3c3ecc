/* Any function of one int8, by a table of its 256 results: that of -128 first. The output may lie over the
 * input. */
#ifndef THIMBLE_GENERIC_LOOKUP_S8_H
#define THIMBLE_GENERIC_LOOKUP_S8_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_lookup_generic_s8(const thimble_elementwise_parameters* p, const int8_t* input,
                                              const int8_t* table, int8_t* output) {
  for (int32_t i = 0; i < p->elements; ++i) output[i] = table[input[i] + 128];
}

#endif
