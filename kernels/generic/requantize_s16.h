/* int16 to int16 of another scale, clamped: Quantize of integers, Relu, Relu6. The output may lie over the
 * input. */
#ifndef THIMBLE_GENERIC_REQUANTIZE_S16_H
#define THIMBLE_GENERIC_REQUANTIZE_S16_H

#include "fixed_point.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_requantize_generic_s16(const thimble_requantize_parameters* p,
                                                   const int16_t* input, int16_t* output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t scaled =
        thimble_multiply_by_quantized_multiplier(input[i] + p->input_offset, p->multiplier, p->shift);
    output[i] =
        (int16_t)thimble_clamp(thimble_wrapping_add(scaled, p->output_offset), p->output_min, p->output_max);
  }
}

#endif
