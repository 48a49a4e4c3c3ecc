#include "base/wilson_interval.h"

#include <gtest/gtest.h>

namespace thimble {
namespace {

TEST(WilsonInterval, gives_the_numbers_of_R) {
  // R: prop.test(k, n, correct = FALSE)$conf.int
  const auto expect = [](uint64_t k, uint64_t n, double low, double high) {
    const Interval interval = wilson_interval(k, n);
    EXPECT_NEAR(interval.low, low, 1e-6) << k << " of " << n;
    EXPECT_NEAR(interval.high, high, 1e-6) << k << " of " << n;
  };
  expect(8922, 10000, 0.88597031, 0.89812848);
  expect(0, 20, 0.00000000, 0.16112516);
  expect(500, 500, 0.99237566, 1.00000000);
  expect(1, 3, 0.06149194, 0.79234040);
}

TEST(WilsonInterval, is_everything_without_trials) {
  EXPECT_EQ(wilson_interval(0, 0).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

}  // namespace
}  // namespace thimble
