/* (rows, I) x (O, I) + (O) -> (rows, O) */
#ifndef THIMBLE_GENERIC_FULLY_CONNECTED_F32_H
#define THIMBLE_GENERIC_FULLY_CONNECTED_F32_H

#include "dot_f32.h"
#include "parameters.h"

/* bias may be NULL. Four outputs are computed at a time, so that each input is loaded once for them. */
THIMBLE_KERNEL void thimble_fully_connected_generic_f32(const thimble_fully_connected_parameters* p,
                                                        const float* input, const float* weights,
                                                        const float* bias, float* output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    int32_t outputs;
    for (int32_t o = 0; o < p->output_n; o += outputs) {
      const float* const w = weights + o * p->input_n;
      float sums[4];
      outputs = p->output_n - o >= 4 ? 4 : 1;
      for (int32_t k = 0; k < outputs; ++k) sums[k] = bias ? bias[o + k] : 0;
      if (outputs == 4) {
        thimble_dot_4x1_f32(sums, input, w, p->input_n, p->input_n);
      } else {
        sums[0] = thimble_dot_f32(sums[0], input, w, p->input_n);
      }
      for (int32_t k = 0; k < outputs; ++k) {
        output[o + k] = thimble_clamp_f32(sums[k], p->float_min, p->float_max);
      }
    }
    input += p->input_n;
    output += p->output_n;
  }
}

#endif
