/* Copies one input of a Concat to its place in the output; one call an input, in order. An input may lie
 * where its elements go. */
#ifndef THIMBLE_GENERIC_CONCAT_S16_H
#define THIMBLE_GENERIC_CONCAT_S16_H

#include <string.h>

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_concat_generic_s16(const thimble_concat_piece* p, const int16_t* input,
                                               int16_t* output) {
  output += p->output_start;
  for (int32_t row = 0; row < p->rows; ++row) {
    memmove(output + row * p->output_run, input + row * p->input_run, (size_t)p->input_run * sizeof(int16_t));
  }
}

#endif
