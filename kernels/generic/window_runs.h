/* Windows of a row of outputs that lie in memory as runs, by column, row and channel: what kernels share that
 * copy them first. */
#ifndef THIMBLE_GENERIC_WINDOW_RUNS_H
#define THIMBLE_GENERIC_WINDOW_RUNS_H

#include "fixed_point.h"
#include "parameters.h"

typedef struct {
  int32_t shared;  /* windows side by side share columns */
  int32_t columns; /* of an output row */
  int32_t column;  /* taps a column */
  int32_t step;    /* columns from one place to the next */
  int32_t taps;    /* taps a window */
} thimble_windows;

THIMBLE_KERNEL thimble_windows thimble_windows_of(const thimble_conv2d_parameters* p) {
  thimble_windows w;
  w.shared = p->stride_w < p->kernel_w;
  w.step = w.shared ? p->stride_w : p->kernel_w;
  w.columns = (p->output_w - 1) * w.step + p->kernel_w;
  w.column = p->kernel_h * p->input_c;
  w.taps = p->kernel_w * w.column;
  return w;
}

/* An image one pixel wide is taken for one row, so that places are side by side: nothing moves in memory. */
THIMBLE_KERNEL thimble_conv2d_parameters thimble_conv2d_in_rows(const thimble_conv2d_parameters* p) {
  thimble_conv2d_parameters q = *p;
  if (p->input_w == 1 && p->output_w == 1 && p->kernel_w == 1 && p->pad_left == 0) {
    q.input_w = p->input_h, q.output_w = p->output_h, q.kernel_w = p->kernel_h;
    q.stride_w = p->stride_h, q.dilation_w = p->dilation_h, q.pad_left = p->pad_top;
    q.input_h = q.output_h = q.kernel_h = q.stride_h = q.dilation_h = 1;
    q.pad_top = 0;
  }
  return q;
}

/* A dense layer as a convolution: each row of its input is a place. */
THIMBLE_KERNEL thimble_conv2d_parameters
thimble_conv2d_of_dense(const thimble_fully_connected_parameters* p) {
  thimble_conv2d_parameters q;
  q.input_h = q.output_h = p->rows;
  q.input_w = q.output_w = 1;
  q.input_c = p->input_n, q.output_c = p->output_n;
  q.kernel_h = q.kernel_w = q.stride_h = q.stride_w = q.dilation_h = q.dilation_w = q.groups = 1;
  q.pad_top = q.pad_left = 0;
  q.input_offset = p->input_offset, q.output_offset = p->output_offset;
  q.output_min = p->output_min, q.output_max = p->output_max;
  q.float_min = p->float_min, q.float_max = p->float_max;
  return q;
}

/* One channel of a depthwise convolution */
THIMBLE_KERNEL thimble_conv2d_parameters
thimble_conv2d_of_channel(const thimble_depthwise_conv2d_parameters* p) {
  thimble_conv2d_parameters q;
  q.input_h = p->input_h, q.input_w = p->input_w;
  q.output_h = p->output_h, q.output_w = p->output_w;
  q.input_c = q.output_c = q.groups = 1;
  q.kernel_h = p->kernel_h, q.kernel_w = p->kernel_w;
  q.stride_h = p->stride_h, q.stride_w = p->stride_w;
  q.dilation_h = p->dilation_h, q.dilation_w = p->dilation_w;
  q.pad_top = p->pad_top, q.pad_left = p->pad_left;
  q.input_offset = p->input_offset, q.output_offset = p->output_offset;
  q.output_min = p->output_min, q.output_max = p->output_max;
  q.float_min = p->float_min, q.float_max = p->float_max;
  return q;
}

/* A sum as an output, not clamped yet. With `simple`: `start` is twice what the sum starts from, `shift` one
 * less than the right shift, which is 1 to 22, while no sum reaches 2^29. Else: what it starts from, and the
 * shift. The C writer knows which. */
THIMBLE_KERNEL int32_t thimble_windows_scale(const thimble_conv2d_parameters* p, int32_t simple, int32_t sum,
                                             int32_t start, int32_t multiplier, int32_t shift) {
  if (simple) {
    uint32_t low;
    const int32_t high = thimble_product((int32_t)((uint32_t)sum * 2 + (uint32_t)start), multiplier, &low);
    return thimble_shift_scaled((int32_t)((uint32_t)high + (low >> 31)), shift, p->output_offset);
  }
  return thimble_wrapping_add(
      thimble_multiply_by_quantized_multiplier(thimble_wrapping_add(sum, start), multiplier, shift),
      p->output_offset);
}

#endif
