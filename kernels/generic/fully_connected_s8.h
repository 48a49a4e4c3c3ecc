/* (rows, I) x (O, I) + (O) -> (rows, O) */
#ifndef THIMBLE_GENERIC_FULLY_CONNECTED_S8_H
#define THIMBLE_GENERIC_FULLY_CONNECTED_S8_H

#include "dot_s8.h"
#include "fixed_point.h"
#include "parameters.h"

/* bias may be NULL. multipliers and shifts have one entry an output channel. */
THIMBLE_KERNEL void thimble_fully_connected_generic_s8(const thimble_fully_connected_parameters* p,
                                                       const int8_t* input, const int8_t* weights,
                                                       const int32_t* bias, const int32_t* multipliers,
                                                       const int32_t* shifts, int8_t* output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    for (int32_t o = 0; o < p->output_n; ++o) {
      const int32_t sum =
          thimble_dot_s8(bias ? bias[o] : 0, input, weights + o * p->input_n, p->input_n, p->input_offset);
      output[o] =
          thimble_requantize(sum, multipliers[o], shifts[o], p->output_offset, p->output_min, p->output_max);
    }
    input += p->input_n;
    output += p->output_n;
  }
}

#endif
