/* Which taps of a sliding window lie inside the image, along one axis. */
#ifndef THIMBLE_GENERIC_WINDOW_H
#define THIMBLE_GENERIC_WINDOW_H

#include <stdint.h>

#include "kernel.h"

/* Tap k reads input position start + k * dilation; those in [begin, end) are inside [0, extent). */
typedef struct {
  int32_t start;
  int32_t begin, end;
} thimble_window;

THIMBLE_KERNEL thimble_window thimble_window_at(int32_t output, int32_t stride, int32_t pad, int32_t dilation,
                                                int32_t taps, int32_t extent) {
  thimble_window window;
  const int32_t start = output * stride - pad;
  const int32_t past = extent - start; /* <= 0: the whole window lies behind the image */
  window.start = start;
  window.begin = start >= 0 ? 0 : (dilation - 1 - start) / dilation;
  window.end = past <= 0 ? 0 : (past + dilation - 1) / dilation;
  if (window.end > taps) window.end = taps;
  if (window.begin > window.end) window.begin = window.end;
  return window;
}

/* The outputs whose whole window is inside the image: begin to end - 1. */
typedef struct {
  int32_t begin, end;
} thimble_inside;

THIMBLE_KERNEL thimble_inside thimble_whole_windows(int32_t outputs, int32_t stride, int32_t pad,
                                                    int32_t dilation, int32_t taps, int32_t extent) {
  thimble_inside inside;
  const int32_t last = extent + pad - 1 - (taps - 1) * dilation; /* the last start, from the padding's edge */
  inside.begin = (pad + stride - 1) / stride;
  inside.end = last < 0 ? 0 : last / stride + 1;
  if (inside.end > outputs) inside.end = outputs;
  if (inside.begin > inside.end) inside.begin = inside.end;
  return inside;
}

#endif
