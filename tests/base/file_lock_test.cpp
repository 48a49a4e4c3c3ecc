#include "base/file_lock.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "support/expect_error.h"

namespace thimble {
namespace {

TEST(FileLock, is_one_holders_until_it_ends) {
  const TemporaryFolder folder;
  FileLock second(folder.path() / "lock");
  {
    FileLock first(folder.path() / "lock");
    EXPECT_TRUE(first.try_lock());
    EXPECT_FALSE(second.try_lock());
  }
  EXPECT_TRUE(second.try_lock());
}

TEST(FileLock, names_a_file_that_cannot_be_made) {
  test::expect_error([] { FileLock lock("/no/such/folder/lock"); }, {"/no/such/folder/lock"});
}

}  // namespace
}  // namespace thimble
