/* How the convolutions walk over an image and their weights. */
#ifndef THIMBLE_GENERIC_CONV2D_WALK_H
#define THIMBLE_GENERIC_CONV2D_WALK_H

#include "parameters.h"
#include "window.h"

/* Sizes and steps are in elements. */
typedef struct {
  int32_t output_h, output_w; /* a pointwise convolution takes the image for one long row */
  int32_t depth;              /* input channels of a group */
  int32_t group_outputs;
  int32_t kernel_row, kernel_size; /* weights of one output channel */
  int32_t input_row;               /* from one row of the image to the next */
  int32_t pixel_step;              /* from the window of one output to that of the next in its row */
  int32_t contiguous;              /* a row of taps is one run of memory; else each tap is one */
  int32_t run_step;                /* from one run to the next in a row of taps */
  thimble_inside inside;           /* the outputs of a row whose windows are inside the image on both sides */
} thimble_conv2d_walk;

THIMBLE_KERNEL thimble_conv2d_walk thimble_conv2d_walk_of(const thimble_conv2d_parameters* p) {
  const int32_t pointwise = thimble_conv2d_is_pointwise(p);
  thimble_conv2d_walk walk;
  walk.output_h = pointwise ? 1 : p->output_h;
  walk.output_w = pointwise ? p->output_h * p->output_w : p->output_w;
  walk.depth = p->input_c / p->groups;
  walk.group_outputs = p->output_c / p->groups;
  walk.kernel_row = p->kernel_w * walk.depth;
  walk.kernel_size = p->kernel_h * walk.kernel_row;
  walk.input_row = p->input_w * p->input_c;
  walk.pixel_step = p->stride_w * p->input_c;
  walk.contiguous = p->groups == 1 && p->dilation_w == 1;
  walk.run_step = p->dilation_w * p->input_c;
  walk.inside = thimble_whole_windows(walk.output_w, p->stride_w, p->pad_left, p->dilation_w, p->kernel_w,
                                      pointwise ? walk.output_w : p->input_w);
  return walk;
}

/* The runs of memory that one row of taps reads for the outputs at column x: `count` of `length` elements;
 * the first one's place from the start of a row of the image, and from the start of a row of the kernel. */
typedef struct {
  int32_t count, length;
  int32_t input, weights;
} thimble_conv2d_runs;

THIMBLE_KERNEL thimble_conv2d_runs thimble_conv2d_runs_at(const thimble_conv2d_parameters* p,
                                                          const thimble_conv2d_walk* walk, int32_t x) {
  thimble_conv2d_runs runs;
  int32_t start = x * p->stride_w - p->pad_left, begin = 0, end = p->kernel_w;
  if (x < walk->inside.begin || x >= walk->inside.end) {
    const thimble_window columns =
        thimble_window_at(x, p->stride_w, p->pad_left, p->dilation_w, p->kernel_w, p->input_w);
    begin = columns.begin;
    end = columns.end;
  }
  runs.count = walk->contiguous ? 1 : end - begin;
  runs.length = walk->contiguous ? (end - begin) * walk->depth : walk->depth;
  runs.input = (start + begin * p->dilation_w) * p->input_c;
  runs.weights = begin * walk->depth;
  return runs;
}

#endif
