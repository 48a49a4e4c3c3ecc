#include "data/image_file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "own_files.h"
#include "packing.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::bytes_of;
using test::encode_jpeg;
using test::expect_error;
using test::flat_image;

Image random_image() {
  Image image;
  image.height = *rc::gen::inRange(1, 20);
  image.width = *rc::gen::inRange(1, 20);
  image.channels = *rc::gen::element(1, 3);
  image.pixels = *rc::gen::container<std::vector<uint8_t>>(
      static_cast<size_t>(image.height * image.width * image.channels), rc::gen::arbitrary<uint8_t>());
  return image;
}

RC_GTEST_PROP(ImageFile, png_keeps_every_pixel, ()) {
  const Image image = random_image();
  const Image again = decode_image(encode_png(image), "image");
  RC_ASSERT(again.height == image.height);
  RC_ASSERT(again.width == image.width);
  RC_ASSERT(again.channels == image.channels);
  RC_ASSERT(again.pixels == image.pixels);
}

RC_GTEST_PROP(ImageFile, png_that_is_damaged_is_an_error_or_an_image, ()) {
  std::vector<std::byte> file = encode_png(random_image());
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i)
    file[*rc::gen::inRange<size_t>(0, file.size())] = static_cast<std::byte>(*rc::gen::arbitrary<uint8_t>());
  file.resize(*rc::gen::inRange<size_t>(0, file.size() + 1));
  try {
    const Image image = decode_image(file, "image");
    RC_ASSERT(image.pixels.size() == static_cast<size_t>(image.height) * static_cast<size_t>(image.width) *
                                         static_cast<size_t>(image.channels));
  } catch (const Error&) {
  }
}

RC_GTEST_PROP(ImageFile, jpeg_that_is_damaged_is_an_error_or_an_image, ()) {
  std::vector<std::byte> file = encode_jpeg(random_image(), *rc::gen::arbitrary<bool>());
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i)
    file[*rc::gen::inRange<size_t>(0, file.size())] = static_cast<std::byte>(*rc::gen::arbitrary<uint8_t>());
  try {
    const Image image = decode_image(file, "image");
    RC_ASSERT(image.pixels.size() == static_cast<size_t>(image.height) * static_cast<size_t>(image.width) *
                                         static_cast<size_t>(image.channels));
  } catch (const Error&) {
  }
}

TEST(ImageFile, jpeg_is_close_to_what_it_was_made_from) {
  for (const std::vector<uint8_t>& pixel : {std::vector<uint8_t>{200}, std::vector<uint8_t>{200, 50, 10}}) {
    for (const bool progressive : {false, true}) {
      const Image image = flat_image(9, 17, pixel);
      const Image again = decode_image(encode_jpeg(image, progressive), "image");
      ASSERT_EQ(again.pixels.size(), image.pixels.size());
      EXPECT_EQ(again.channels, image.channels);
      for (size_t i = 0; i < image.pixels.size(); ++i) EXPECT_NEAR(again.pixels[i], image.pixels[i], 3);
    }
  }
}

TEST(ImageFile, is_an_error_or_whole_wherever_it_is_cut) {
  Image image = flat_image(20, 20, {1, 2, 3});
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * i);
  for (const auto& whole : {encode_png(image), encode_jpeg(image), encode_jpeg(image, true)}) {
    const Image expected = decode_image(whole, "image");
    size_t cut = 0;
    for (size_t length = 0; length < whole.size(); ++length) {
      try {
        EXPECT_EQ(decode_image(std::span(whole).first(length), "image").pixels, expected.pixels) << length;
      } catch (const Error&) {
        ++cut;
      }
    }
    EXPECT_GT(cut, whole.size() - 4);
  }
}

/// One pixel each: a palette, 16 bits, grey with alpha, 1 bit, and colour with a transparent colour. Made by
/// hand from the PNG specification with zlib's own bytes.
std::vector<std::byte> png_of(uint32_t width, int bits, int color_type, const std::string& scanline,
                              const std::string& chunks = "", int copies = 1) {
  const auto number = [](uint32_t n) {
    return std::string{static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                       static_cast<char>(n)};
  };
  const auto chunk = [&](const std::string& type, const std::string& content) {
    const std::string body = type + content;
    const auto crc = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())));
    return number(static_cast<uint32_t>(content.size())) + body + number(crc);
  };
  const std::string line = std::string(1, '\0') + scanline;
  std::string packed(100, '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(line.data()),
           line.size());
  packed.resize(size);
  const std::string header = number(width) + number(1) +
                             std::string{static_cast<char>(bits), static_cast<char>(color_type), 0, 0, 0};
  std::string extra;
  for (int i = 0; i < copies && !chunks.empty(); ++i) extra += chunk(chunks.substr(0, 4), chunks.substr(4));
  return bytes_of("\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + extra + chunk("IDAT", packed) +
                  chunk("IEND", ""));
}

TEST(ImageFile, text_that_unpacks_to_more_than_it_may_is_passed_over) {
  const std::string text(7 << 20, '\0');
  std::string packed(compressBound(text.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
           text.size());
  packed.resize(size);
  const std::string zero(1, '\0');
  const auto file = png_of(1, 8, 0, "\x64", "zTXt" + ("key" + zero + zero) + packed, 40);
  const auto most_kilobytes = [] {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
  };
  const auto before = most_kilobytes();
  EXPECT_EQ(decode_image(file, "x").pixels, (std::vector<uint8_t>{100}));
  EXPECT_LT(most_kilobytes() - before, 64 << 10);
}

TEST(ImageFile, png_of_every_kind_becomes_grey_or_colour_bytes) {
  using Pixels = std::vector<uint8_t>;
  const std::string zero(1, '\0');
  EXPECT_EQ(decode_image(png_of(1, 8, 3, "\x01", "PLTE\x01\x02\x03\x0a\x14\x1e"), "x").pixels,
            (Pixels{10, 20, 30}));
  EXPECT_EQ(decode_image(png_of(1, 16, 0, "\x12\x34"), "x").pixels, (Pixels{0x12}));
  EXPECT_EQ(decode_image(png_of(1, 8, 4, "\x64\x01"), "x").pixels, (Pixels{100}));
  EXPECT_EQ(decode_image(png_of(8, 1, 0, "\xa1"), "x").pixels, (Pixels{255, 0, 255, 0, 0, 0, 0, 255}));
  EXPECT_EQ(decode_image(png_of(1, 8, 6, "\x01\x02\x03" + zero), "x").pixels, (Pixels{1, 2, 3}));
  EXPECT_EQ(decode_image(
                png_of(1, 8, 2, "\x01\x02\x03", "tRNS" + zero + "\x01" + zero + "\x02" + zero + "\x03"), "x")
                .pixels,
            (Pixels{1, 2, 3}));
  // A gamma that is another than the screen's changes nothing.
  EXPECT_EQ(decode_image(png_of(1, 8, 0, "\x64", "gAMA" + zero + "\x01\x86\xa0"), "x").pixels, (Pixels{100}));
}

TEST(ImageFile, names_a_file_that_is_no_image) {
  expect_error([] { decode_image({}, "cat.png"); }, "cat.png: is empty");
  expect_error([] { decode_image(bytes_of("GIF89a......"), "cat.png"); },
               "cat.png: is neither a PNG nor a JPEG file");
  expect_error([] { decode_image(bytes_of("\x89PNG\r\n\x1a\nrest"), "cat.png"); },
               "cat.png: is not a sound PNG file (it is cut short)");
  expect_error([] { decode_image(bytes_of("\xff\xd8\xffrest"), "cat.jpg"); },
               "cat.jpg: is not a sound JPEG file");
  expect_error(
      [] {
        decode_image(encode_jpeg(flat_image(8, 8, {1, 2, 3, 4})), "cat.jpg");
      },
      "cat.jpg: is not a sound JPEG file");
}

TEST(ImageFile, refuses_sizes_that_a_small_file_only_claims) {
  std::vector<std::byte> jpeg = encode_jpeg(flat_image(8, 8, {1, 2, 3}));
  // The frame header: marker ff c0, length, precision, height, width.
  for (size_t i = 0; i + 8 < jpeg.size(); ++i) {
    if (jpeg[i] == std::byte{0xff} && jpeg[i + 1] == std::byte{0xc0})
      std::fill_n(jpeg.begin() + static_cast<std::ptrdiff_t>(i) + 5, 4, std::byte{0xff});
  }
  expect_error([&] { decode_image(jpeg, "huge.jpg"); }, "huge.jpg: is ");
  expect_error([&] { decode_image(png_of(20000, 8, 0, "x"), "huge.png"); },
               "huge.png: is not a sound PNG file");
}

}  // namespace
}  // namespace thimble::data
