#include "data/gzip.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "packing.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::bytes_of;
using test::expect_error;

const std::vector<std::byte> kContent = bytes_of(std::string(5000, 'a') + std::string(3000000, 'b'));

TEST(Gunzip, gives_back_what_was_packed) {
  EXPECT_EQ(gunzip(test::gzip(kContent), kContent.size(), "file"), kContent);
  EXPECT_TRUE(gunzip(test::gzip({}), 0, "file").empty());
}

TEST(Gunzip, refuses_more_than_the_limit_without_unpacking_all_of_it) {
  const auto packed = test::gzip(kContent);
  expect_error([&] { gunzip(packed, kContent.size() - 1, "file"); },
               "file: unpacks to more than the expected 3004999");
  expect_error([&] { gunzip(packed, 0, "file"); }, "unpacks to more than the expected 0 bytes");
}

TEST(Gunzip, refuses_what_is_not_gzip) {
  expect_error([] { gunzip(bytes_of("plain text, really"), 100, "file"); }, "file: is not a sound gzip file");
  expect_error([] { gunzip({}, 100, "file"); }, "file: is a gzip file that was cut short");
}

TEST(Gunzip, refuses_bytes_after_the_end) {
  auto packed = test::gzip(bytes_of("content"));
  packed.push_back(std::byte{7});
  expect_error([&] { gunzip(packed, 100, "file"); }, "file: has 1 bytes after the end");
}

RC_GTEST_PROP(Gunzip, is_an_error_wherever_the_file_is_cut, ()) {
  const auto packed = test::gzip(bytes_of("some content, some more content"));
  const auto length = *rc::gen::inRange<size_t>(0, packed.size());
  RC_ASSERT_THROWS_AS(gunzip(std::span(packed).first(length), 1000, "file"), Error);
}

RC_GTEST_PROP(Gunzip, with_a_flipped_bit_is_an_error_or_gives_the_same, ()) {
  const auto content = bytes_of("some content, some more content");
  auto packed = test::gzip(content);
  const auto bit = *rc::gen::inRange<size_t>(0, packed.size() * 8);
  packed[bit / 8] ^= std::byte(1u << bit % 8);
  try {
    RC_ASSERT(gunzip(packed, 1000, "file") == content);  // a flag or the time stamp of the header
  } catch (const Error&) {
  }
}

}  // namespace
}  // namespace thimble::data
