/* (outer, reduced, inner) -> (outer, inner): the mean over the middle axis, inner at least 16 */
#ifndef THIMBLE_NEON_MEAN_S8_H
#define THIMBLE_NEON_MEAN_S8_H

#include "../generic/fixed_point.h"
#include "../generic/parameters.h"
#include "sum_s8.h"

THIMBLE_KERNEL void thimble_mean_neon_s8(const thimble_mean_parameters* p, const int8_t* input,
                                         int8_t* output) {
  for (int32_t o = 0; o < p->outer; ++o, output += p->inner) {
    for (int32_t block = 0; block < p->inner; block += 16) {
      const int32_t c = block + 16 <= p->inner ? block : p->inner - 16;
      int32_t sums[16] = {0};
      thimble_neon_add_pixels(sums, input + o * p->reduced * p->inner + c, p->reduced, p->inner);
      for (int32_t k = 0; k < 16; ++k) {
        if (p->same_quantization) {
          output[c + k] = (int8_t)(sums[k] / p->reduced); /* TensorFlow Lite truncates here */
        } else {
          output[c + k] = thimble_requantize(sums[k] + p->reduced * p->input_offset, p->multiplier, p->shift,
                                             p->output_offset, INT8_MIN, INT8_MAX);
        }
      }
    }
  }
}

#endif
