/* (rows, I) x (O, I) + (O) -> (rows, O) */
#ifndef THIMBLE_GENERIC_FULLY_CONNECTED_F32_H
#define THIMBLE_GENERIC_FULLY_CONNECTED_F32_H

#include "dot_f32.h"
#include "parameters.h"

/* bias may be NULL. */
THIMBLE_KERNEL void thimble_fully_connected_generic_f32(const thimble_fully_connected_parameters* p,
                                                        const float* input, const float* weights,
                                                        const float* bias, float* output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    for (int32_t o = 0; o < p->output_n; ++o) {
      const float sum = thimble_dot_f32(bias ? bias[o] : 0, input, weights + o * p->input_n, p->input_n);
      output[o] = thimble_clamp_f32(sum, p->float_min, p->float_max);
    }
    input += p->input_n;
    output += p->output_n;
  }
}

#endif
