#include <gtest/gtest.h>

#include "base/files.h"
#include "base/random.h"
#include "base/sha256_portable.h"

namespace thimble {
namespace {

TEST(Sha256Portable, is_what_openssl_computes) {
  Random random(1);
  for (size_t size = 0; size < 300; ++size) {
    std::vector<std::byte> content(size);
    for (std::byte& byte : content) byte = static_cast<std::byte>(random.below(256));
    ASSERT_EQ(sha256_portable(content), sha256(content)) << size << " bytes";
  }
}

}  // namespace
}  // namespace thimble
