/* (H, W, C) x (1, KH, KW, C) + (C) -> (OH, OW, C): depthwise, one output channel an input channel, no
 * dilation; weights of 8 bits, or of 4 as nibbles.h has them */
#ifndef THIMBLE_ARMV7EM_DEPTHWISE_CONV2D_PLANE_H
#define THIMBLE_ARMV7EM_DEPTHWISE_CONV2D_PLANE_H

#include "../generic/fixed_point.h"
#include "../generic/nibbles.h"
#include "../generic/parameters.h"
#include "dsp.h"

/* One channel at a time is copied into a plane of int16 with its padding around it, in which two neighbouring
 * rows lie side by side in words: SMLAD multiplies two taps at once, no tap is outside the image, and what
 * belongs to a channel stays in registers. If the kernel has a single row, columns are paired instead: the
 * fields say "row" of what is paired, and "column" of the other axis. Steps are in elements. */
typedef struct {
  int32_t row_taps, row_stride, row_pad, rows, output_rows, row_step, output_row_step, weight_row_step;
  int32_t column_taps, column_stride, column_pad, columns, output_columns, column_step, output_column_step,
      weight_column_step;
  int32_t plane_w, plane_h;      /* in words: plane_h pairs of rows */
  int32_t even_words, odd_words; /* words under a column of taps that begins in an even, an odd row */
} thimble_depthwise_plane;

THIMBLE_KERNEL thimble_depthwise_plane
thimble_depthwise_plane_of(const thimble_depthwise_conv2d_parameters* p) {
  const int32_t turned = p->kernel_h == 1;
  const int32_t c = p->input_c;
  thimble_depthwise_plane s;
  s.row_taps = turned ? p->kernel_w : p->kernel_h, s.column_taps = turned ? p->kernel_h : p->kernel_w;
  s.row_stride = turned ? p->stride_w : p->stride_h, s.column_stride = turned ? p->stride_h : p->stride_w;
  s.row_pad = turned ? p->pad_left : p->pad_top, s.column_pad = turned ? p->pad_top : p->pad_left;
  s.rows = turned ? p->input_w : p->input_h, s.columns = turned ? p->input_h : p->input_w;
  s.output_rows = turned ? p->output_w : p->output_h, s.output_columns = turned ? p->output_h : p->output_w;
  s.row_step = turned ? c : p->input_w * c, s.column_step = turned ? p->input_w * c : c;
  s.output_row_step = turned ? c : p->output_w * c, s.output_column_step = turned ? p->output_w * c : c;
  s.weight_row_step = turned ? c : p->kernel_w * c, s.weight_column_step = turned ? p->kernel_w * c : c;
  s.plane_w = (s.output_columns - 1) * s.column_stride + s.column_taps;
  s.plane_h = (s.output_rows - 1) * s.row_stride / 2 + s.row_taps / 2 + 1;
  s.even_words = (s.row_taps + 1) / 2;
  s.odd_words = s.row_taps / 2 + 1;
  return s;
}

/* The scratch that the kernel needs, aligned to 4 bytes: the plane and one channel's weights. */
THIMBLE_KERNEL int32_t
thimble_depthwise_conv2d_plane_scratch_bytes(const thimble_depthwise_conv2d_parameters* p) {
  const thimble_depthwise_plane s = thimble_depthwise_plane_of(p);
  return 4 * (s.plane_w * s.plane_h + (s.even_words + s.odd_words) * s.column_taps);
}

/* What finishes a channel's sums, which are twice the real ones: so SMMULR rounds where TensorFlow Lite does.
 */
typedef struct {
  int32_t start; /* of each sum */
  int32_t multiplier, right, rounding;
  int32_t offset, low, high;
} thimble_depthwise_channel;

THIMBLE_KERNEL int8_t thimble_depthwise_finish(const thimble_depthwise_channel* c, int32_t twice) {
  int32_t x = thimble_smmulr(twice, c->multiplier);
  x -= x < 0;
  x = thimble_clamp(((x + c->rounding) >> c->right) + c->offset, c->low, c->high);
  return (int8_t)x;
}

/* One row of outputs for any window; `words` under a column of taps. */
THIMBLE_KERNEL void thimble_depthwise_plane_row(const thimble_depthwise_plane* s,
                                                const thimble_depthwise_channel* c, const thimble_word* plane,
                                                const thimble_word* weights, int32_t words, int8_t* output) {
  for (int32_t x = 0; x < s->output_columns; ++x) {
    const thimble_word *in = plane, *taps = weights;
    int32_t sum = c->start;
    for (int32_t i = 0; i < words; ++i, in += s->plane_w) {
      THIMBLE_UNROLL
      for (int32_t j = 0; j < s->column_taps; ++j) sum = thimble_smlad(in[j], *taps++, sum);
    }
    *output = thimble_depthwise_finish(c, sum);
    plane += s->column_stride;
    output += s->output_column_step;
  }
}

/* Adds one column of a 3x3 window that moves down by one row to the sums of four rows of outputs. `rows` are
 * words of the image's rows 0 and 1, `step` words on 2 and 3, then 4 and 5; `a` the weights of rows 0 and 1,
 * `b` of rows 1 and 2. In assembly because loads take one cycle instead of two only side by side, and GCC
 * takes them apart. */
THIMBLE_KERNEL void thimble_depthwise_four_rows_column(int32_t* sums, const thimble_word* rows, int32_t step,
                                                       uint32_t a, uint32_t b) {
#if THIMBLE_DSP
  int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  uint32_t u, v, w;
  __asm__(
      "ldr %[u], %[rows_01]\n\t"
      "ldr %[v], %[rows_23]\n\t"
      "ldr %[w], %[rows_45]\n\t"
      "smlad %[s0], %[u], %[a], %[s0]\n\t"
      "smlabt %[s1], %[a], %[u], %[s1]\n\t"
      "smlabt %[s0], %[v], %[b], %[s0]\n\t"
      "smlad %[s1], %[v], %[b], %[s1]\n\t"
      "smlad %[s2], %[v], %[a], %[s2]\n\t"
      "smlabt %[s3], %[a], %[v], %[s3]\n\t"
      "smlabt %[s2], %[w], %[b], %[s2]\n\t"
      "smlad %[s3], %[w], %[b], %[s3]"
      : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [u] "=&r"(u), [v] "=&r"(v), [w] "=&r"(w)
      : [a] "r"(a), [b] "r"(b), [rows_01] "m"(rows[0]), [rows_23] "m"(rows[step]),
        [rows_45] "m"(rows[2 * step]));
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
#else
  for (int32_t i = 0; i < 4; i += 2, rows += step, sums += 2) {
    sums[0] = thimble_smlabt(rows[step], b, thimble_smlad(rows[0], a, sums[0]));
    sums[1] = thimble_smlad(rows[step], b, thimble_smlabt(a, rows[0], sums[1]));
  }
#endif
}

/* Rows of outputs of a 3x3 window that moves down by one row, four at a time, which share the words that they
 * read. Returns how many rows it computed: all but 3 at most. */
THIMBLE_KERNEL int32_t thimble_depthwise_plane_four_rows(const thimble_depthwise_plane* s,
                                                         const thimble_depthwise_channel* c,
                                                         const thimble_word* plane, const thimble_word* even,
                                                         const thimble_word* odd, int8_t* output) {
  const uint32_t a0 = even[0], a1 = even[1], a2 = even[2];
  const uint32_t b0 = odd[0], b1 = odd[1], b2 = odd[2];
  int32_t y = 0;
  for (; y + 4 <= s->output_rows; y += 4, plane += 2 * s->plane_w, output += 4 * s->output_row_step) {
    const thimble_word* at = plane;
    int8_t* out = output;
    for (int32_t x = 0; x < s->output_columns; ++x) {
      int32_t sums[4] = {c->start, c->start, c->start, c->start};
      thimble_depthwise_four_rows_column(sums, at, s->plane_w, a0, b0);
      thimble_depthwise_four_rows_column(sums, at + 1, s->plane_w, a1, b1);
      thimble_depthwise_four_rows_column(sums, at + 2, s->plane_w, a2, b2);
      out[0] = thimble_depthwise_finish(c, sums[0]);
      out[s->output_row_step] = thimble_depthwise_finish(c, sums[1]);
      out[2 * s->output_row_step] = thimble_depthwise_finish(c, sums[2]);
      out[3 * s->output_row_step] = thimble_depthwise_finish(c, sums[3]);
      at += s->column_stride;
      out += s->output_column_step;
    }
  }
  return y;
}

/* A weight of a byte or, if `narrow`, of half a byte */
THIMBLE_KERNEL int32_t thimble_depthwise_plane_weight(const void* weights, int32_t narrow, int32_t index) {
  return narrow ? thimble_weight_s4((const uint8_t*)weights, index) : ((const int8_t*)weights)[index];
}

/* The weights of a channel, doubled, two rows a word, 0 outside the kernel: `even` begins with rows 0 and 1,
 * `odd` with rows -1 and 0. Returns their sum. */
THIMBLE_KERNEL int32_t thimble_depthwise_plane_taps(const thimble_depthwise_plane* s, const void* weights,
                                                    int32_t narrow, int32_t channel, thimble_word* even,
                                                    thimble_word* odd) {
  int32_t sum = 0;
  for (int32_t j = 0; j < s->column_taps; ++j) {
    int32_t w = channel + j * s->weight_column_step;
    int32_t before = 0;
    for (int32_t i = 0; i < s->row_taps; i += 2) {
      const int32_t low = 2 * thimble_depthwise_plane_weight(weights, narrow, w);
      const int32_t high = i + 1 < s->row_taps
                               ? 2 * thimble_depthwise_plane_weight(weights, narrow, w + s->weight_row_step)
                               : 0;
      even[i / 2 * s->column_taps + j] = thimble_pair(low, high);
      odd[i / 2 * s->column_taps + j] = thimble_pair(before, low);
      before = high;
      sum += low + high;
      w += 2 * s->weight_row_step;
    }
    if (s->row_taps % 2 == 0) odd[s->row_taps / 2 * s->column_taps + j] = thimble_pair(before, 0);
  }
  return sum / 2;
}

/* A channel's rows whose place in the plane is even, or odd: those that it needs. */
THIMBLE_KERNEL void thimble_depthwise_plane_copy(const thimble_depthwise_plane* s, const int8_t* input,
                                                 int32_t odd, thimble_half* plane) {
  const int32_t rows = s->rows < 2 * s->plane_h - s->row_pad ? s->rows : 2 * s->plane_h - s->row_pad;
  const int32_t columns = s->columns < s->plane_w - s->column_pad ? s->columns : s->plane_w - s->column_pad;
  for (int32_t y = (s->row_pad + odd) % 2; y < rows; y += 2) {
    const int8_t* const in = input + y * s->row_step;
    thimble_half* const to = plane + (y + s->row_pad - odd) * s->plane_w + 2 * s->column_pad + odd;
    THIMBLE_UNROLL
    for (int32_t x = 0; x < columns; ++x) to[2 * x] = in[x * s->column_step];
  }
}

/* bias may be NULL. multipliers and shifts have one entry an output channel.
 *
 * Every shift must be below 0, and |bias| + 255 * (the sum of a channel's |weights|) below 2^30. The output
 * may begin where the input does, whatever its shape: all of a channel is read before any of it is
 * written. */
THIMBLE_KERNEL void thimble_depthwise_conv2d_plane(const thimble_depthwise_conv2d_parameters* p,
                                                   const int8_t* input, const void* weights, int32_t narrow,
                                                   const int32_t* bias, const int32_t* multipliers,
                                                   const int32_t* shifts, thimble_word* scratch,
                                                   int8_t* output) {
  const thimble_depthwise_plane s = thimble_depthwise_plane_of(p);
  const int32_t plane_words = s.plane_w * s.plane_h;
  thimble_word* const even = scratch + plane_words;
  thimble_word* const odd = even + s.even_words * s.column_taps;
  const int32_t shared = s.row_taps == 3 && s.column_taps == 3 && s.row_stride == 1;
  thimble_half* const plane = (thimble_half*)scratch;
  for (int32_t i = 0; i < plane_words; ++i) scratch[i] = thimble_pair(-p->input_offset, -p->input_offset);
  for (int32_t c = 0; c < p->input_c; ++c) {
    thimble_depthwise_channel channel;
    int32_t done;
    thimble_depthwise_plane_copy(&s, input + c, 0, plane);
    thimble_depthwise_plane_copy(&s, input + c, 1, plane);
    channel.start = 2 * (bias ? bias[c] : 0) +
                    2 * p->input_offset * thimble_depthwise_plane_taps(&s, weights, narrow, c, even, odd);
    channel.multiplier = multipliers[c];
    channel.right = -shifts[c];
    channel.rounding = (int32_t)1 << (channel.right - 1);
    channel.offset = p->output_offset;
    channel.low = p->output_min;
    channel.high = p->output_max;
    done = shared ? thimble_depthwise_plane_four_rows(&s, &channel, scratch, even, odd + 3, output + c) : 0;
    for (int32_t y = done; y < s.output_rows; ++y) {
      const int32_t row = y * s.row_stride;
      const thimble_word* const at = scratch + row / 2 * s.plane_w;
      int8_t* const out = output + c + y * s.output_row_step;
      if (row % 2 == 0) {
        thimble_depthwise_plane_row(&s, &channel, at, even, s.even_words, out);
      } else {
        thimble_depthwise_plane_row(&s, &channel, at, odd, s.odd_words, out);
      }
    }
  }
}

#endif
