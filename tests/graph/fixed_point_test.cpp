// The fixed-point arithmetic against its definition in 128 bits, on random numbers and at the ends of the
// range.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "kernels/generic/fixed_point.h"

namespace thimble {
namespace {

__extension__ typedef __int128 Int128;

Int128 floor_divide(Int128 a, Int128 b) { return a / b - (a % b < 0 ? 1 : 0); }

/// gemmlowp's: the product's upper half rounded to nearest, ties upward; then a shift to nearest, ties away
/// from zero.
int64_t definition(int32_t x, int32_t multiplier, int32_t shift) {
  const auto shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << (shift > 0 ? shift : 0));
  const Int128 high = floor_divide(Int128{shifted} * multiplier + (Int128{1} << 30), Int128{1} << 31);
  const Int128 divisor = Int128{1} << (shift > 0 ? 0 : -shift);
  const Int128 magnitude = ((high < 0 ? -high : high) + divisor / 2) / divisor;
  return static_cast<int64_t>(high < 0 ? -magnitude : magnitude);
}

TEST(FixedPoint, multiplication_rounds_twice_as_defined_at_the_ends_of_the_range_too) {
  std::vector<int32_t> numbers = {0, INT32_MAX, INT32_MIN};
  for (int bit = 0; bit < 31; ++bit) {
    for (const int32_t near : {-1, 0, 1}) {
      numbers.push_back((int32_t{1} << bit) + near);
      numbers.push_back(-(int32_t{1} << bit) + near);
    }
  }
  Random random(1);
  for (int i = 0; i < 300; ++i)
    numbers.push_back(random.between(INT32_MIN, INT32_MAX) >> random.between(0, 30));
  std::vector<int32_t> multipliers = {0, 1, 1 << 30, (1 << 30) + 1, INT32_MAX - 1, INT32_MAX};
  for (int i = 0; i < 20; ++i) multipliers.push_back(random.between(1 << 30, INT32_MAX));
  for (const int32_t x : numbers) {
    for (const int32_t multiplier : multipliers) {
      for (int32_t shift = -31; shift <= 31; ++shift) {
        const auto expected = definition(x, multiplier, shift);
        const auto text = [&] {
          return std::to_string(x) + " * " + std::to_string(multiplier) + " * 2^" + std::to_string(shift);
        };
        ASSERT_EQ(thimble_multiply_by_quantized_multiplier(x, multiplier, shift), expected) << text();
        if (x <= -(1 << 30) || x >= 1 << 30) continue;
        ASSERT_EQ(thimble_multiply_small_by_quantized_multiplier(x, multiplier, shift), expected) << text();
        const int32_t offset = (x & 255) - 128;
        ASSERT_EQ(thimble_requantize_small(x, multiplier, shift, offset, -128, 127),
                  thimble_requantize(x, multiplier, shift, offset, -128, 127))
            << text() << " + " << offset;
      }
    }
  }
}

TEST(FixedPoint, a_product_of_halves_is_the_product) {
  std::vector<int32_t> numbers = {0,      1,       -1,       INT32_MAX, INT32_MIN,
                                  0xFFFF, 0x10000, -0x10000, -0xFFFF,   0x7FFF0000};
  Random random(2);
  for (int i = 0; i < 500; ++i)
    numbers.push_back(random.between(INT32_MIN, INT32_MAX) >> random.between(0, 30));
  for (const int32_t a : numbers) {
    for (const int32_t b : numbers) {
      if (a == INT32_MIN && b == INT32_MIN) continue;
      uint32_t low = 0;
      const int32_t high = thimble_split_product(a, b, &low);
      ASSERT_EQ(static_cast<int64_t>(high) * (int64_t{1} << 32) + low, int64_t{a} * b) << a << " * " << b;
    }
  }
}

TEST(FixedPoint, the_rest_of_a_requantization_is_as_the_whole_of_it) {
  Random random(3);
  for (int i = 0; i < 200000; ++i) {
    const int32_t x = random.between(-(1 << 29) + 1, (1 << 29) - 1) >> random.between(0, 29);
    const int32_t multiplier = random.between(1 << 30, INT32_MAX);
    const int32_t shift = random.between(0, 21);
    const int32_t offset = random.between(-128, 127);
    uint32_t low = 0;
    const int32_t high = thimble_product(2 * x, multiplier, &low);
    ASSERT_EQ(thimble_requantize_scaled(high + static_cast<int32_t>(low >> 31), shift, offset, -128, 127),
              thimble_requantize(x, multiplier, -shift - 1, offset, -128, 127))
        << x << " * " << multiplier << " >> " << shift + 1 << " + " << offset;
  }
}

}  // namespace
}  // namespace thimble
