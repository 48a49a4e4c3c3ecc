#include "base/text.h"

#include <gtest/gtest.h>

namespace thimble {
namespace {

TEST(Text, groups_the_digits_of_a_number_by_three) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(12345678), "12,345,678");
  EXPECT_EQ(grouped(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(Text, writes_a_fraction_in_percent) {
  EXPECT_EQ(percent(0.9931), "99.31 %");
  EXPECT_EQ(percent(1), "100.00 %");
}

}  // namespace
}  // namespace thimble
