/* int8 to int8 of another scale, clamped: Quantize of integers, Relu, Relu6. The output may lie over the
 * input. */
#ifndef THIMBLE_GENERIC_REQUANTIZE_S8_H
#define THIMBLE_GENERIC_REQUANTIZE_S8_H

#include "fixed_point.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_requantize_generic_s8(const thimble_requantize_parameters* p, const int8_t* input,
                                                  int8_t* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = thimble_requantize_small(input[i] + p->input_offset, p->multiplier, p->shift,
                                         p->output_offset, p->output_min, p->output_max);
  }
}

#endif
