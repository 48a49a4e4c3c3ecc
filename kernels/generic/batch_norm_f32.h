/* gamma * (x - mean) / sqrt(variance + epsilon) + beta over (rows, channels). The output may lie over the
 * input. */
#ifndef THIMBLE_GENERIC_BATCH_NORM_F32_H
#define THIMBLE_GENERIC_BATCH_NORM_F32_H

#include <math.h>

#include "kernel.h"
#include "parameters.h"

THIMBLE_KERNEL void thimble_batch_norm_generic_f32(const thimble_batch_norm_parameters* p, const float* input,
                                                   const float* gamma, const float* beta, const float* mean,
                                                   const float* variance, float* output) {
  for (int32_t c = 0; c < p->channels; ++c) {
    const float factor = gamma[c] / sqrtf(variance[c] + p->epsilon);
    for (int32_t row = 0; row < p->rows; ++row) {
      const int32_t i = row * p->channels + c;
      output[i] = (input[i] - mean[c]) * factor + beta[c];
    }
  }
}

#endif
