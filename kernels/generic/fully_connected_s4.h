/* (rows, I) x (O, I) + (O) -> (rows, O), weights of 4 bits as nibbles.h has them */
#ifndef THIMBLE_GENERIC_FULLY_CONNECTED_S4_H
#define THIMBLE_GENERIC_FULLY_CONNECTED_S4_H

#include "fully_connected_s8.h"
#include "nibbles.h"

/* bias may be NULL. multipliers and shifts have one entry an output channel. scratch: the weights of
 * THIMBLE_S8_CHANNELS outputs, a byte each. */
THIMBLE_KERNEL void thimble_fully_connected_generic_s4(const thimble_fully_connected_parameters* p,
                                                       const int8_t* input, const uint8_t* weights,
                                                       const int32_t* bias, const int32_t* multipliers,
                                                       const int32_t* shifts, void* scratch, int8_t* output) {
  int8_t* const unpacked = (int8_t*)scratch;
  for (int32_t row = 0; row < p->rows; ++row, input += p->input_n, output += p->output_n) {
    int32_t outputs;
    for (int32_t o = 0; o < p->output_n; o += outputs) {
      outputs = thimble_fully_connected_outputs_at(p, o);
      thimble_unpack_s4(weights, o * p->input_n, outputs * p->input_n, unpacked);
      thimble_fully_connected_outputs_s8(p, input, unpacked, bias, multipliers, shifts, o, outputs, output);
    }
  }
}

#endif
