/* (rows, I) x (O, I) + (O) -> (rows, O), weights of 8 bits */
#ifndef THIMBLE_GENERIC_FULLY_CONNECTED_S16_H
#define THIMBLE_GENERIC_FULLY_CONNECTED_S16_H

#include "dot_s16.h"
#include "fixed_point.h"
#include "parameters.h"

/* bias may be NULL. multipliers and shifts have one entry an output channel. */
THIMBLE_KERNEL void thimble_fully_connected_generic_s16(const thimble_fully_connected_parameters* p,
                                                        const int16_t* input, const int8_t* weights,
                                                        const int64_t* bias, const int32_t* multipliers,
                                                        const int32_t* shifts, int16_t* output) {
  for (int32_t row = 0; row < p->rows; ++row, input += p->input_n, output += p->output_n) {
    int32_t outputs;
    for (int32_t o = 0; o < p->output_n; o += outputs) {
      const int8_t* const w = weights + o * p->input_n;
      int64_t sums[THIMBLE_S16_CHANNELS];
      outputs = p->output_n - o < THIMBLE_S16_CHANNELS ? 1 : THIMBLE_S16_CHANNELS;
      for (int32_t k = 0; k < outputs; ++k) sums[k] = bias ? bias[o + k] : 0;
      if (outputs > 1) {
        thimble_dot_rows_s16(sums, input, w, p->input_n, p->input_n);
      } else {
        sums[0] = thimble_dot_s16(sums[0], input, w, p->input_n);
      }
      for (int32_t k = 0; k < outputs; ++k) {
        output[o + k] =
            thimble_requantize_wide(sums[k], multipliers[o + k], shifts[o + k], p->output_min, p->output_max);
      }
    }
  }
}

#endif
