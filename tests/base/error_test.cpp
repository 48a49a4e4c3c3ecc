#include "base/error.h"

#include <gtest/gtest.h>

namespace thimble {
namespace {

TEST(Error, reads_as_where_reason_and_remedy) {
  EXPECT_STREQ(Error("a.onnx", "is cut short", "Copy it again").what(),
               "a.onnx: is cut short. Copy it again.");
}

TEST(Error, does_not_double_a_full_stop) {
  EXPECT_STREQ(Error("a", "Is wrong.", "Mend it.").what(), "a: Is wrong. Mend it.");
}

TEST(Error, without_a_remedy_ends_after_the_reason) {
  EXPECT_STREQ(Error("a", "is wrong", "").what(), "a: is wrong.");
}

TEST(Error, carries_the_exit_code_and_exits_1_unless_told_otherwise) {
  EXPECT_EQ(Error("a", "b", "c").exit_code(), ExitCode::kError);
  EXPECT_EQ(static_cast<int>(Error("a", "b", "c").exit_code()), 1);
  EXPECT_EQ(Error("a", "b", "c", ExitCode::kBudget).exit_code(), ExitCode::kBudget);
}

}  // namespace
}  // namespace thimble
