/* A value, mostly the zero point, before and after each axis */
#ifndef THIMBLE_GENERIC_PAD_S16_H
#define THIMBLE_GENERIC_PAD_S16_H

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_pad_generic_s16(const thimble_pad_parameters* p, const int16_t* input,
                                            int16_t* output) {
  for (int32_t i = -p->before[0]; i < p->input[0] + p->after[0]; ++i) {
    for (int32_t j = -p->before[1]; j < p->input[1] + p->after[1]; ++j) {
      for (int32_t k = -p->before[2]; k < p->input[2] + p->after[2]; ++k) {
        const int32_t inside =
            i >= 0 && i < p->input[0] && j >= 0 && j < p->input[1] && k >= 0 && k < p->input[2];
        for (int32_t l = -p->before[3]; l < p->input[3] + p->after[3]; ++l) {
          *output++ = inside && l >= 0 && l < p->input[3] ? *input++ : (int16_t)p->value;
        }
      }
    }
  }
}

#endif
