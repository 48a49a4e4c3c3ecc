/* (rows, I) x (O, I) + (O) -> (rows, O) */
#ifndef THIMBLE_GENERIC_FULLY_CONNECTED_S8_H
#define THIMBLE_GENERIC_FULLY_CONNECTED_S8_H

#include "dot_s8.h"
#include "fixed_point.h"
#include "parameters.h"

/* `outputs` outputs (1 or THIMBLE_S8_CHANNELS) of one row from output o on; `weights` is where theirs begin.
 */
THIMBLE_KERNEL void thimble_fully_connected_outputs_s8(const thimble_fully_connected_parameters* p,
                                                       const int8_t* input, const int8_t* weights,
                                                       const int32_t* bias, const int32_t* multipliers,
                                                       const int32_t* shifts, int32_t o, int32_t outputs,
                                                       int8_t* output) {
  uint32_t sums[THIMBLE_S8_CHANNELS];
  for (int32_t k = 0; k < outputs; ++k) sums[k] = bias ? (uint32_t)bias[o + k] : 0;
  if (outputs > 1) {
    thimble_dot_rows_s8(sums, input, weights, p->input_n, p->input_n, p->input_offset);
  } else {
    sums[0] = (uint32_t)thimble_dot_s8((int32_t)sums[0], input, weights, p->input_n, p->input_offset);
  }
  for (int32_t k = 0; k < outputs; ++k) {
    output[o + k] = thimble_requantize((int32_t)sums[k], multipliers[o + k], shifts[o + k], p->output_offset,
                                       p->output_min, p->output_max);
  }
}

/* How many outputs are computed at a time from output o on. */
THIMBLE_KERNEL int32_t thimble_fully_connected_outputs_at(const thimble_fully_connected_parameters* p,
                                                          int32_t o) {
  return p->output_n - o >= THIMBLE_S8_CHANNELS ? THIMBLE_S8_CHANNELS : 1;
}

/* bias may be NULL. multipliers and shifts have one entry an output channel. THIMBLE_S8_CHANNELS outputs are
 * computed at a time, so that each input is loaded once for them. */
THIMBLE_KERNEL void thimble_fully_connected_generic_s8(const thimble_fully_connected_parameters* p,
                                                       const int8_t* input, const int8_t* weights,
                                                       const int32_t* bias, const int32_t* multipliers,
                                                       const int32_t* shifts, int8_t* output) {
  for (int32_t row = 0; row < p->rows; ++row, input += p->input_n, output += p->output_n) {
    int32_t outputs;
    for (int32_t o = 0; o < p->output_n; o += outputs) {
      outputs = thimble_fully_connected_outputs_at(p, o);
      thimble_fully_connected_outputs_s8(p, input, weights + o * p->input_n, bias, multipliers, shifts, o,
                                         outputs, output);
    }
  }
}

#endif
