/* The instructions of the DSP extension (Cortex-M4, M7, M33, M55) that the kernels here use, and what stands
 * for them elsewhere: the same results, so that a host can test what a device runs. */
#ifndef THIMBLE_ARMV7EM_DSP_H
#define THIMBLE_ARMV7EM_DSP_H

#include <stdint.h>

#include "../generic/kernel.h"

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
#define THIMBLE_DSP 1
#else
#define THIMBLE_DSP 0
#endif

/* Two int16 in a word, the first in the low half. */
THIMBLE_KERNEL uint32_t thimble_pair(int32_t low, int32_t high) {
  return ((uint32_t)low & 0xFFFFU) | ((uint32_t)high << 16);
}

/* Bytes 0 and 2 of a word as a pair of int16, each with the int16 of `offsets` added */
THIMBLE_KERNEL uint32_t thimble_sxtab16(uint32_t offsets, uint32_t bytes) {
#if THIMBLE_DSP
  uint32_t result;
  __asm__("sxtab16 %0, %1, %2" : "=r"(result) : "r"(offsets), "r"(bytes));
  return result;
#else
  return thimble_pair((int16_t)offsets + (int8_t)bytes, (int16_t)(offsets >> 16) + (int8_t)(bytes >> 16));
#endif
}

/* Bytes 1 and 3 likewise */
THIMBLE_KERNEL uint32_t thimble_sxtab16_odd(uint32_t offsets, uint32_t bytes) {
#if THIMBLE_DSP
  uint32_t result;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(offsets), "r"(bytes));
  return result;
#else
  return thimble_sxtab16(offsets, bytes >> 8);
#endif
}

/* Bytes 0 and 2 of a word as a pair of int16 */
THIMBLE_KERNEL uint32_t thimble_sxtb16(uint32_t bytes) {
#if THIMBLE_DSP
  uint32_t result;
  __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(bytes));
  return result;
#else
  return thimble_sxtab16(0, bytes);
#endif
}

/* Bytes 1 and 3 likewise */
THIMBLE_KERNEL uint32_t thimble_sxtb16_odd(uint32_t bytes) {
#if THIMBLE_DSP
  uint32_t result;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(bytes));
  return result;
#else
  return thimble_sxtab16(0, bytes >> 8);
#endif
}

/* a + b and a - b of two int16 each; wraps */
THIMBLE_KERNEL uint32_t thimble_sadd16(uint32_t a, uint32_t b) {
#if THIMBLE_DSP
  uint32_t result;
  __asm__("sadd16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
#else
  return thimble_pair((int16_t)a + (int16_t)b, (int16_t)(a >> 16) + (int16_t)(b >> 16));
#endif
}

THIMBLE_KERNEL uint32_t thimble_ssub16(uint32_t a, uint32_t b) {
#if THIMBLE_DSP
  uint32_t result;
  __asm__("ssub16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
#else
  return thimble_pair((int16_t)a - (int16_t)b, (int16_t)(a >> 16) - (int16_t)(b >> 16));
#endif
}

/* sum + a.low * b.low + a.high * b.high, of int16; wraps */
THIMBLE_KERNEL int32_t thimble_smlad(uint32_t a, uint32_t b, int32_t sum) {
#if THIMBLE_DSP
  int32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
#else
  const int32_t low = (int16_t)a * (int16_t)b;
  const int32_t high = (int16_t)(a >> 16) * (int16_t)(b >> 16);
  return (int32_t)((uint32_t)sum + (uint32_t)low + (uint32_t)high);
#endif
}

/* sum + a.low * b.high, of int16; wraps */
THIMBLE_KERNEL int32_t thimble_smlabt(uint32_t a, uint32_t b, int32_t sum) {
#if THIMBLE_DSP
  int32_t result;
  __asm__("smlabt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
#else
  const int32_t product = (int16_t)a * (int16_t)(b >> 16);
  return (int32_t)((uint32_t)sum + (uint32_t)product);
#endif
}

/* a * b / 2^32, rounded to nearest, ties upward */
THIMBLE_KERNEL int32_t thimble_smmulr(int32_t a, int32_t b) {
#if THIMBLE_DSP
  int32_t result;
  __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
#else
  return (int32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32);
#endif
}

/* Four bytes, in the order in which they lie in memory; any alignment */
THIMBLE_KERNEL uint32_t thimble_load_word(const void* from) {
#if THIMBLE_DSP
  typedef uint32_t __attribute__((aligned(1), may_alias)) word;
  return *(const word*)from;
#else
  const uint8_t* const bytes = (const uint8_t*)from;
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
#endif
}

#endif
