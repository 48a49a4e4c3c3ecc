/* What the lx106 compiler's own library lacks, under the names that GCC's internals give it ("Routines for
   integer arithmetic", "Soft float library routines"): 32-bit division, 64-bit products, and the float32
   arithmetic and conversions of IEEE 754, rounded to nearest even. */
#include <stdint.h>
#include <string.h>

uint32_t __udivsi3(uint32_t a, uint32_t b);
uint32_t __umodsi3(uint32_t a, uint32_t b);
int32_t __divsi3(int32_t a, int32_t b);
int32_t __modsi3(int32_t a, int32_t b);
uint64_t __umulsidi3(uint32_t a, uint32_t b);
int64_t __mulsidi3(int32_t a, int32_t b);
int64_t __muldi3(int64_t a, int64_t b);
float __addsf3(float a, float b);
float __subsf3(float a, float b);
float __mulsf3(float a, float b);
float __floatsisf(int32_t a);
float __floatunsisf(uint32_t a);
uint32_t __fixunssfsi(float a);

uint32_t __udivsi3(uint32_t a, uint32_t b) {
  uint32_t quotient = 0;
  int shift = 0;
  if (b == 0) return UINT32_MAX;
  while (b <= a >> 1) {
    b <<= 1;
    ++shift;
  }
  for (; shift >= 0; --shift, b >>= 1) {
    quotient <<= 1;
    if (a >= b) {
      a -= b;
      quotient |= 1;
    }
  }
  return quotient;
}

uint32_t __umodsi3(uint32_t a, uint32_t b) { return a - __udivsi3(a, b) * b; }

static uint32_t magnitude(int32_t a) { return a < 0 ? 0U - (uint32_t)a : (uint32_t)a; }

int32_t __divsi3(int32_t a, int32_t b) {
  const uint32_t quotient = __udivsi3(magnitude(a), magnitude(b));
  return (int32_t)((a ^ b) < 0 ? 0U - quotient : quotient);
}

int32_t __modsi3(int32_t a, int32_t b) {
  const uint32_t remainder = __umodsi3(magnitude(a), magnitude(b));
  return (int32_t)(a < 0 ? 0U - remainder : remainder);
}

/* The two words of a 64-bit number, the lower first: nothing here may make the compiler call what it defines.
 */
typedef union {
  uint64_t all;
  uint32_t word[2];
} pair;

uint64_t __umulsidi3(uint32_t a, uint32_t b) {
  const uint32_t low = (a & 0xFFFF) * (b & 0xFFFF);
  const uint32_t middle = (a >> 16) * (b & 0xFFFF) + (low >> 16); /* at most 0xFFFE0001 + 0xFFFE */
  const uint32_t other = (a & 0xFFFF) * (b >> 16) + (middle & 0xFFFF);
  pair product;
  product.word[0] = other << 16 | (low & 0xFFFF);
  product.word[1] = (a >> 16) * (b >> 16) + (middle >> 16) + (other >> 16);
  return product.all;
}

int64_t __mulsidi3(int32_t a, int32_t b) {
  pair product;
  product.all = __umulsidi3((uint32_t)a, (uint32_t)b);
  if (a < 0) product.word[1] -= (uint32_t)b;
  if (b < 0) product.word[1] -= (uint32_t)a;
  return (int64_t)product.all;
}

int64_t __muldi3(int64_t a, int64_t b) {
  pair x, y, product;
  x.all = (uint64_t)a;
  y.all = (uint64_t)b;
  product.all = __umulsidi3(x.word[0], y.word[0]);
  product.word[1] += x.word[0] * y.word[1] + x.word[1] * y.word[0];
  return (int64_t)product.all;
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

enum { kInfinity = 0x7F800000, kQuietBit = 0x00400000 };
static const uint32_t kSign = 0x80000000;

static int is_nan(uint32_t bits) { return (bits & ~kSign) > kInfinity; }

/* x / 2^shift; its lowest bit also says whether anything was shifted out. */
static uint32_t shift_right_sticky(uint32_t x, int shift) {
  if (shift > 31) return x != 0;
  return shift == 0 ? x : x >> shift | ((x << (32 - shift)) != 0);
}

/* The float significand * 2^(exponent - 157), rounded; the significand's highest bit is bit 30 unless it is
 * zero. */
static float round_and_pack(uint32_t sign, int exponent, uint32_t significand) {
  if (exponent >= 255) return float_of(sign | kInfinity);
  if (exponent <= 0) {
    significand = shift_right_sticky(significand, 1 - exponent);
    exponent = 1;
  }
  const uint32_t rest = significand & 0x7F;
  significand = (significand + 0x40) >> 7;
  if (rest == 0x40) significand &= ~1U;
  /* The leading bit, where there is one, adds the 1 that is taken off the exponent. */
  return float_of(sign | ((((uint32_t)exponent - 1) << 23) + significand));
}

/* The same for a significand that begins at any bit below. */
static float normalize_and_pack(uint32_t sign, int exponent, uint32_t significand) {
  if (significand == 0) return float_of(sign);
  const int shift = __builtin_clz(significand) - 1;
  return round_and_pack(sign, exponent - shift, significand << shift);
}

/* Takes a finite float apart: its exponent, and its significand with the point after bit 30. */
static int unpack(uint32_t bits, uint32_t* significand) {
  const int exponent = (int)(bits >> 23 & 0xFF);
  *significand = (bits & 0x007FFFFF) << 7;
  if (exponent == 0) return 1;
  *significand |= 1U << 30;
  return exponent;
}

float __addsf3(float a, float b) {
  uint32_t x = bits_of(a), y = bits_of(b);
  if (is_nan(x)) return float_of(x | kQuietBit);
  if (is_nan(y)) return float_of(y | kQuietBit);
  if ((x & ~kSign) < (y & ~kSign)) {
    const uint32_t larger = y;
    y = x;
    x = larger;
  }
  if ((x & ~kSign) == kInfinity) return float_of(x == (y ^ kSign) ? kInfinity | kQuietBit : x);
  uint32_t p, q;
  const int exponent = unpack(x, &p);
  const int smaller = unpack(y, &q);
  q = shift_right_sticky(q, exponent - smaller);
  if (((x ^ y) & kSign) != 0) {
    if (p == q) return 0.0f;
    return normalize_and_pack(x & kSign, exponent, p - q);
  }
  const uint32_t sum = p + q;
  if ((sum & kSign) != 0) return round_and_pack(x & kSign, exponent + 1, shift_right_sticky(sum, 1));
  return (sum & 1U << 30) != 0 ? round_and_pack(x & kSign, exponent, sum)
                               : normalize_and_pack(x & kSign, exponent, sum);
}

float __subsf3(float a, float b) { return __addsf3(a, float_of(bits_of(b) ^ kSign)); }

float __mulsf3(float a, float b) {
  const uint32_t x = bits_of(a), y = bits_of(b);
  const uint32_t sign = (x ^ y) & kSign;
  if (is_nan(x)) return float_of(x | kQuietBit);
  if (is_nan(y)) return float_of(y | kQuietBit);
  if ((x & ~kSign) == kInfinity || (y & ~kSign) == kInfinity) {
    const int by_zero = (x & ~kSign) == 0 || (y & ~kSign) == 0;
    return float_of(by_zero ? kInfinity | kQuietBit : sign | kInfinity);
  }
  uint32_t p, q;
  int exponent = unpack(x, &p) + unpack(y, &q) - 127;
  if (p == 0 || q == 0) return float_of(sign);
  /* Both with their leading bit in place, so that no bit of the product is lost below. */
  const int p_shift = __builtin_clz(p) - 1, q_shift = __builtin_clz(q) - 1;
  pair product;
  product.all = __umulsidi3(p << p_shift, q << q_shift); /* the leading bit is 60 or 61 */
  const uint32_t high = product.word[1] << 2 | product.word[0] >> 30;
  const uint32_t sticky = (product.word[0] << 2) != 0;
  exponent -= p_shift + q_shift;
  if ((high & kSign) != 0) return round_and_pack(sign, exponent + 1, shift_right_sticky(high | sticky, 1));
  return round_and_pack(sign, exponent, high | sticky);
}

float __floatunsisf(uint32_t a) {
  if ((a & kSign) != 0) return round_and_pack(0, 158, shift_right_sticky(a, 1));
  return normalize_and_pack(0, 157, a);
}

float __floatsisf(int32_t a) {
  return float_of(bits_of(__floatunsisf(magnitude(a))) | ((uint32_t)a & kSign));
}

uint32_t __fixunssfsi(float a) {
  const uint32_t bits = bits_of(a);
  const int exponent = (int)(bits >> 23 & 0xFF);
  if ((bits & kSign) != 0 || exponent < 127) return 0;
  if (exponent > 158) return UINT32_MAX;
  const uint32_t significand = (bits & 0x007FFFFF) << 8 | kSign;
  return significand >> (158 - exponent);
}
