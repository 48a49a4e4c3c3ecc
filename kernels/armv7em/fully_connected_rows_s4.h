/* (rows, I) x (O, I) + (O) -> (rows, O), weights of 4 bits; their layout: fully_connected_rows.h */
#ifndef THIMBLE_ARMV7EM_FULLY_CONNECTED_ROWS_S4_H
#define THIMBLE_ARMV7EM_FULLY_CONNECTED_ROWS_S4_H

#include "fully_connected_rows.h"

THIMBLE_KERNEL void thimble_fully_connected_rows_s4(const thimble_fully_connected_parameters* p,
                                                    const int8_t* input, const uint32_t* weights,
                                                    const int32_t* bias, const int32_t* multipliers,
                                                    const int32_t* shifts, uint32_t* scratch,
                                                    int8_t* output) {
  thimble_fully_connected_rows(p, input, weights, bias, multipliers, shifts, scratch, 1, output);
}

#endif
