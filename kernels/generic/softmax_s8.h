/* Softmax of int8 in fixed point, as TensorFlow Lite (on gemmlowp) computes it: output scale 1/256, zero
 * point -128. Qm.n is an int32 of m integer and n fractional bits. */
#ifndef THIMBLE_GENERIC_SOFTMAX_S8_H
#define THIMBLE_GENERIC_SOFTMAX_S8_H

#include "fixed_point.h"
#include "parameters.h"

/* exp(x) for x in [-1/4, 0), Q0.31 -> Q0.31: Taylor's polynomial of degree 4 about -1/8 */
THIMBLE_KERNEL int32_t thimble_exp_quarter(int32_t x) {
  const int32_t exp_minus_eighth = 1895147668;
  const int32_t third = 715827883;
  const int32_t d = x + ((int32_t)1 << 28);
  const int32_t d2 = thimble_high_multiply(d, d);
  const int32_t d3 = thimble_high_multiply(d2, d);
  const int32_t d4 = thimble_high_multiply(d2, d2);
  const int32_t cubic_and_quartic =
      thimble_high_multiply(thimble_rounding_shift_right(d4, 2) + d3, third); /* 2 (d^3/6 + d^4/24) */
  const int32_t tail = thimble_rounding_shift_right(cubic_and_quartic + d2, 1);
  return exp_minus_eighth + thimble_high_multiply(exp_minus_eighth, d + tail);
}

/* exp(x) for x <= 0, Q5.26 -> Q0.31: the last quarter by polynomial, each binary digit above it by a factor
 */
THIMBLE_KERNEL int32_t thimble_exp_negative(int32_t x) {
  /* exp(-2^k) for k = -2 ... 4, Q0.31 */
  static const int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  const int32_t quarter = (int32_t)1 << 24;
  const int32_t last = (x & (quarter - 1)) - quarter;
  const uint32_t digits = (uint32_t)last - (uint32_t)x;
  int32_t result;
  if (x == 0) return INT32_MAX;
  result = thimble_exp_quarter((int32_t)((uint32_t)last << 5));
  for (int32_t k = 0; k < 7; ++k) {
    if (digits & ((uint32_t)1 << (24 + k))) result = thimble_high_multiply(result, factors[k]);
  }
  return result;
}

/* 1 / (1 + x) for x in [0, 1), Q0.31 -> Q0.31: three steps of Newton and Raphson in Q2.29 */
THIMBLE_KERNEL int32_t thimble_reciprocal_of_one_plus(int32_t x) {
  const int32_t forty_eight_17ths = 1515870810;
  const int32_t minus_thirty_two_17ths = -1010580540;
  const int32_t half_denominator = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t r = forty_eight_17ths + thimble_high_multiply(half_denominator, minus_thirty_two_17ths);
  for (int32_t step = 0; step < 3; ++step) {
    const int32_t error = ((int32_t)1 << 29) - thimble_high_multiply(half_denominator, r);
    r += thimble_saturating_shift_left(thimble_high_multiply(r, error), 2);
  }
  return thimble_saturating_shift_left(r, 1);
}

/* exp of the input's distance below the row's largest value */
THIMBLE_KERNEL int32_t thimble_softmax_exp(const thimble_softmax_parameters* p, int32_t difference) {
  return thimble_exp_negative(
      thimble_multiply_by_quantized_multiplier(difference, p->input_multiplier, p->input_left_shift));
}

/* The output may lie over the input. */
THIMBLE_KERNEL void thimble_softmax_generic_s8(const thimble_softmax_parameters* p, const int8_t* input,
                                               int8_t* output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    const int8_t* const in = input + row * p->depth;
    int8_t* const out = output + row * p->depth;
    int32_t largest = in[0];
    uint32_t sum = 0; /* Q12.19 */
    int32_t leading_zeros, reciprocal, exponent;
    for (int32_t i = 1; i < p->depth; ++i) {
      if (in[i] > largest) largest = in[i];
    }
    for (int32_t i = 0; i < p->depth; ++i) {
      const int32_t difference = in[i] - largest;
      if (difference >= p->diff_min) {
        sum += (uint32_t)thimble_rounding_shift_right(thimble_softmax_exp(p, difference), 12);
      }
    }
    leading_zeros = thimble_leading_zeros(sum);
    reciprocal = thimble_reciprocal_of_one_plus((int32_t)((sum << leading_zeros) - ((uint32_t)1 << 31)));
    exponent = 12 - leading_zeros + 31 - 8;
    for (int32_t i = 0; i < p->depth; ++i) {
      const int32_t difference = in[i] - largest;
      int32_t probability = 0;                           /* in 256ths */
      if (difference >= p->diff_min && exponent <= 31) { /* beyond 31 every probability rounds to 0 */
        probability = thimble_rounding_shift_right(
            thimble_high_multiply(reciprocal, thimble_softmax_exp(p, difference)), exponent);
      }
      out[i] = (int8_t)thimble_clamp(probability - 128, INT8_MIN, INT8_MAX);
    }
  }
}

#endif
