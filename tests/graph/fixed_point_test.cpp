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

}  // namespace
}  // namespace thimble
