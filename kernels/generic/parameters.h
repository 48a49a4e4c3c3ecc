/* Parameters of the kernels: everything but the tensors' addresses. In generated C they are compile-time
 * constants. */
#ifndef THIMBLE_GENERIC_PARAMETERS_H
#define THIMBLE_GENERIC_PARAMETERS_H

#include <stdint.h>

#include "kernel.h"

/* Shapes are of one sample (batch 1). Offsets are TensorFlow Lite's: input_offset = -input zero point,
 * output_offset = +output zero point; int16 has none. An integer kernel clamps to [output_min, output_max], a
 * float kernel to [float_min, float_max]; each ignores the other's fields. */

typedef struct {
  int32_t input_h, input_w, input_c;
  int32_t output_h, output_w, output_c;
  int32_t kernel_h, kernel_w;
  int32_t stride_h, stride_w;
  int32_t dilation_h, dilation_w;
  int32_t pad_top,
      pad_left; /* what lies beyond the bottom and right edges follows from output_h and output_w */
  int32_t groups;
  int32_t input_offset, output_offset;
  int32_t output_min, output_max;
  float float_min, float_max;
} thimble_conv2d_parameters;

/* Whether each output is made from the one pixel at its place. */
THIMBLE_KERNEL int32_t thimble_conv2d_is_pointwise(const thimble_conv2d_parameters* p) {
  return p->kernel_h == 1 && p->kernel_w == 1 && p->stride_h == 1 && p->stride_w == 1 && p->pad_top == 0 &&
         p->pad_left == 0 && p->output_h == p->input_h && p->output_w == p->input_w;
}

typedef struct {
  int32_t input_h, input_w, input_c;
  int32_t output_h, output_w; /* output channels: input_c * multiplier */
  int32_t multiplier;
  int32_t kernel_h, kernel_w;
  int32_t stride_h, stride_w;
  int32_t dilation_h, dilation_w;
  int32_t pad_top, pad_left;
  int32_t input_offset, output_offset;
  int32_t output_min, output_max;
  float float_min, float_max;
} thimble_depthwise_conv2d_parameters;

typedef struct {
  int32_t rows; /* samples, or places of one sample */
  int32_t input_n, output_n;
  int32_t input_offset, output_offset;
  int32_t output_min, output_max;
  float float_min, float_max;
} thimble_fully_connected_parameters;

/* Broadcast operands of at most four axes: the output's extents, and each operand's stride in elements along
 * every axis, 0 where it is broadcast. Outermost axis first; missing axes have extent 1. */
typedef struct {
  int32_t extent[4];
  int32_t stride_a[4];
  int32_t stride_b[4];
} thimble_broadcast;

/* Also of subtraction */
typedef struct {
  thimble_broadcast shape;
  int32_t offset_a, offset_b, output_offset;
  int32_t left_shift; /* 20; of int16 15 */
  int32_t multiplier_a, shift_a;
  int32_t multiplier_b, shift_b;
  int32_t multiplier_output, shift_output;
  int32_t output_min, output_max;
  float float_min, float_max;
} thimble_add_parameters;

typedef struct {
  thimble_broadcast shape;
  int32_t offset_a, offset_b, output_offset;
  int32_t multiplier_output, shift_output;
  int32_t output_min, output_max;
  float float_min, float_max;
} thimble_mul_parameters;

/* The larger or the smaller of two. Integers share one scale. */
typedef struct {
  thimble_broadcast shape;
} thimble_select_parameters;

typedef struct {
  int32_t input_h, input_w, channels;
  int32_t output_h, output_w;
  int32_t kernel_h, kernel_w;
  int32_t stride_h, stride_w;
  int32_t pad_top, pad_left;
  int32_t output_min, output_max;
  float float_min, float_max;
} thimble_pool2d_parameters;

/* (outer, reduced, inner) -> (outer, inner). The integer kernel multiplies the sum of (input + input_offset)
 * by multiplier * 2^shift, which holds the division by `reduced` and the change of scale; with
 * same_quantization it divides the plain sum by `reduced` and truncates. Those are TensorFlow Lite's two
 * ways. */
typedef struct {
  int32_t outer, reduced, inner;
  int32_t same_quantization; /* 1: input and output share scale and zero point */
  int32_t input_offset, output_offset;
  int32_t multiplier, shift;
} thimble_mean_parameters;

/* (rows, depth), over depth */
typedef struct {
  int32_t rows, depth;
  int32_t input_multiplier, input_left_shift;
  int32_t diff_min; /* int8 */
  float beta;
} thimble_softmax_parameters;

typedef struct {
  int32_t elements;
} thimble_copy_parameters;

/* One input of a Concat: `rows` runs of `input_run` elements go to every `output_run` elements from
 * `output_start` on. */
typedef struct {
  int32_t rows;
  int32_t input_run, output_run, output_start;
} thimble_concat_piece;

/* At most four axes, outermost first; missing axes have extent 1 and no padding. */
typedef struct {
  int32_t input[4];
  int32_t before[4];
  int32_t after[4];
  int32_t value; /* what integer kernels write: the zero point, unless the operator says otherwise */
  float float_value;
} thimble_pad_parameters;

/* Any walk over the input: the output's extents, outermost first (missing axes have extent 1), and along each
 * the step in the input, 0 where elements are repeated. Transpose, Slice and ResizeNearest. */
typedef struct {
  int32_t extent[6];
  int32_t stride[6];
  int32_t start;
} thimble_strided_copy_parameters;

/* Integer to integer of another scale; also Relu and Relu6 in integers. */
typedef struct {
  int32_t elements;
  int32_t input_offset, output_offset;
  int32_t multiplier, shift;
  int32_t output_min, output_max;
} thimble_requantize_parameters;

typedef struct {
  int32_t elements;
  float scale;
  int32_t zero_point;
} thimble_quantize_parameters;

typedef struct {
  int32_t elements;
  float scale;
  int32_t zero_point;
} thimble_dequantize_parameters;

/* float32: (rows, channels) */
typedef struct {
  int32_t rows, channels;
  float epsilon;
} thimble_batch_norm_parameters;

/* float32 */
typedef struct {
  int32_t elements;
  float float_min, float_max;
} thimble_relu_parameters;

/* float32 */
typedef struct {
  int32_t elements;
  float alpha;
} thimble_leaky_relu_parameters;

/* int16: Sigmoid and Tanh */
typedef struct {
  int32_t elements;
  int32_t multiplier, right_shift;
} thimble_sigmoid_parameters;

/* Elementwise: of int8 by a table of 256 results, in float32 by the function itself */
typedef struct {
  int32_t elements;
} thimble_elementwise_parameters;

#endif
