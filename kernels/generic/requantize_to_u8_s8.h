/* int8 to uint8, of another scale: Quantize at the ends of a network that speaks uint8 there. */
#ifndef THIMBLE_GENERIC_REQUANTIZE_TO_U8_S8_H
#define THIMBLE_GENERIC_REQUANTIZE_TO_U8_S8_H

#include "fixed_point.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_requantize_to_u8_generic_s8(const thimble_requantize_parameters* p,
                                                        const int8_t* input, uint8_t* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t scaled =
        thimble_multiply_by_quantized_multiplier(input[i] + p->input_offset, p->multiplier, p->shift);
    output[i] =
        (uint8_t)thimble_clamp(thimble_wrapping_add(scaled, p->output_offset), p->output_min, p->output_max);
  }
}

#endif
