#include "data/idx.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "data/mnist.h"
#include "packing.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::expect_error;

/// An IDX file of unsigned bytes with these dimensions, whatever its values are.
std::vector<std::byte> idx_file(const std::vector<uint32_t>& shape, const std::vector<uint8_t>& values) {
  std::vector<std::byte> file = {std::byte{0}, std::byte{0}, std::byte{8}, std::byte(shape.size())};
  for (const uint32_t size : shape) {
    for (const int shift : {24, 16, 8, 0}) file.push_back(std::byte(size >> shift & 0xff));
  }
  for (const uint8_t value : values) file.push_back(std::byte{value});
  return file;
}

std::vector<uint8_t> some_values(size_t count) {
  std::vector<uint8_t> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<uint8_t>(i * 37 % 10);
  return values;
}

TEST(Idx, gives_the_shape_and_the_values) {
  const auto file = idx_file({2, 3, 4}, some_values(24));
  const Idx idx = decode_idx(file, 3, "file");
  EXPECT_EQ(idx.shape, (std::vector<int32_t>{2, 3, 4}));
  EXPECT_EQ(std::vector<uint8_t>(idx.values.begin(), idx.values.end()), some_values(24));
}

TEST(Idx, refuses_a_file_without_a_header) {
  expect_error([] { decode_idx({}, 3, "file"); },
               "file: has 0 bytes; the header of an IDX file with 3 dimensions");
}

TEST(Idx, refuses_a_wrong_magic_number_type_or_rank) {
  const auto sound = idx_file({2, 3}, some_values(6));
  auto file = sound;
  file[0] = std::byte{0x1f};
  expect_error([&] { decode_idx(file, 2, "file"); }, "file: is not an IDX file: it starts with bytes 31 0");
  file = sound;
  file[2] = std::byte{0x0d};
  expect_error([&] { decode_idx(file, 2, "file"); },
               "holds values of IDX type 0x0d, not unsigned bytes (0x08)");
  expect_error([&] { decode_idx(sound, 1, "file"); }, "has 2 dimensions, not 1");
}

TEST(Idx, refuses_a_file_that_is_cut_short_or_goes_on) {
  auto file = idx_file({2, 3}, some_values(5));
  expect_error([&] { decode_idx(file, 2, "file"); },
               "has 3 as dimension 1, which its 5 bytes of values do not fit");
  file = idx_file({2, 3}, some_values(7));
  expect_error([&] { decode_idx(file, 2, "file"); },
               "has 7 bytes of values, but its dimensions 2 x 3 make 6");
}

TEST(Idx, refuses_an_empty_dimension) {
  const auto file = idx_file({0, 28, 28}, {});
  expect_error([&] { decode_idx(file, 3, "file"); }, "has 0 as dimension 0");
}

TEST(Idx, refuses_sizes_whose_product_overflows) {
  // 2^16 * 2^24 * 2^24 = 2^64, which is 0 in 64 bits.
  for (const std::vector<uint32_t>& shape :
       {std::vector<uint32_t>{1u << 16, 1u << 24, 1u << 24}, {0xffffffff, 1, 1}, {1, 0x80000000, 2}}) {
    const auto file = idx_file(shape, {});
    expect_error([&] { decode_idx(file, 3, "file"); }, "which its 0 bytes of values do not fit");
  }
}

RC_GTEST_PROP(Idx, is_an_error_wherever_the_file_is_cut, ()) {
  const auto file = idx_file({3, 4, 2}, some_values(24));
  const auto length = *rc::gen::inRange<size_t>(0, file.size());
  RC_ASSERT_THROWS_AS(decode_idx(std::span(file).first(length), 3, "file"), Error);
}

RC_GTEST_PROP(Idx, is_an_error_when_any_bit_of_the_header_is_flipped, ()) {
  auto file = idx_file({3, 4, 2}, some_values(24));
  constexpr size_t kHeaderBits = 16 * 8;
  const auto bit = *rc::gen::inRange<size_t>(0, kHeaderBits);
  file[bit / 8] ^= std::byte(1u << bit % 8);
  RC_ASSERT_THROWS_AS(decode_idx(file, 3, "file"), Error);
}

RC_GTEST_PROP(Idx, of_arbitrary_bytes_is_an_error_or_sound, (const std::vector<uint8_t>& tail)) {
  std::vector<std::byte> file = {std::byte{0}, std::byte{0}, std::byte{8}, std::byte{2}};
  for (const uint8_t byte : tail) file.push_back(std::byte{byte});
  try {
    const Idx idx = decode_idx(file, 2, "file");
    RC_ASSERT(idx.values.size() == static_cast<uint64_t>(idx.shape[0]) * static_cast<uint64_t>(idx.shape[1]));
  } catch (const Error&) {
  }
}

TEST(IdxPair, makes_samples_with_one_channel) {
  const Dataset dataset =
      decode_idx_pair(idx_file({2, 2, 3}, some_values(12)), "i", idx_file({2}, {9, 0}), "l", 10);
  EXPECT_EQ(dataset.sample_shape, (std::vector<int32_t>{2, 3, 1}));
  EXPECT_EQ(dataset.labels, (std::vector<int32_t>{9, 0}));
  EXPECT_EQ(dataset.samples, some_values(12));
  EXPECT_EQ(dataset.sample(1)[0], some_values(12)[6]);
}

TEST(IdxPair, refuses_files_that_do_not_belong_together) {
  const auto images = idx_file({2, 2, 3}, some_values(12));
  expect_error(
      [&] {
        decode_idx_pair(images, "images", idx_file({3}, {1, 2, 3}), "labels", 10);
      },
      "labels: has 3 labels for the 2 images of images");
  expect_error([&] { decode_idx_pair(images, "images", images, "labels", 10); },
               "labels: has 3 dimensions, not 1");
}

TEST(IdxPair, refuses_a_label_that_is_no_class) {
  expect_error(
      [] {
        decode_idx_pair(idx_file({2, 1, 1}, {1, 2}), "images", idx_file({2}, {9, 10}), "labels", 10);
      },
      "labels: has label 10 at index 1; labels go from 0 to 9");
}

RC_GTEST_PROP(IdxPair, with_a_flipped_bit_is_an_error_or_has_the_same_shape_and_labels_in_range, ()) {
  auto images = idx_file({3, 4, 2}, some_values(24));
  auto labels = idx_file({3}, {1, 2, 3});
  auto& file = *rc::gen::arbitrary<bool>() ? images : labels;
  const auto bit = *rc::gen::inRange<size_t>(0, file.size() * 8);
  file[bit / 8] ^= std::byte(1u << bit % 8);
  try {
    const Dataset dataset = decode_idx_pair(images, "images", labels, "labels", 10);
    RC_ASSERT(dataset.sample_shape == (std::vector<int32_t>{4, 2, 1}));
    RC_ASSERT(dataset.size() == 3u);
    RC_ASSERT(dataset.samples.size() == 24u);
    for (const int32_t label : dataset.labels) RC_ASSERT(label >= 0 && label < 10);
  } catch (const Error&) {
  }
}

}  // namespace
}  // namespace thimble::data
