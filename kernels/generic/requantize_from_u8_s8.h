/* uint8 to int8, of another scale: Quantize at the ends of a network that speaks uint8 there. */
#ifndef THIMBLE_GENERIC_REQUANTIZE_FROM_U8_S8_H
#define THIMBLE_GENERIC_REQUANTIZE_FROM_U8_S8_H

#include "fixed_point.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_requantize_from_u8_generic_s8(const thimble_requantize_parameters* p,
                                                          const uint8_t* input, int8_t* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = thimble_requantize_small(input[i] + p->input_offset, p->multiplier, p->shift,
                                         p->output_offset, p->output_min, p->output_max);
  }
}

#endif
