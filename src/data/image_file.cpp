#include "data/image_file.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>

// These need <cstdio> before them.
#include <jerror.h>
#include <jpeglib.h>

#include "base/error.h"

namespace thimble::data {
namespace {

constexpr uint32_t kLongestSide = 16384;
constexpr png_alloc_size_t kMostChunkBytes = 1 << 20;
constexpr uint64_t kLimitBytes = uint64_t{1} << 28;
constexpr size_t kReasonBytes = std::max<size_t>(200, JMSG_LENGTH_MAX);

[[noreturn]] void refuse(std::string_view where, std::string_view reason) {
  throw Error(where, reason, "Replace it by a sound PNG or JPEG file, or take it out of the data set");
}

void expect_size(uint64_t height, uint64_t width, uint64_t channels, std::string_view where) {
  if (height == 0 || width == 0 || height > kLongestSide || width > kLongestSide ||
      height * width * channels > kLimitBytes) {
    refuse(where, fmt::format("is {} x {} x {}; at most {} pixels a side and {} bytes are read", height,
                              width, channels, kLongestSide, kLimitBytes));
  }
}

// Both libraries report an error by a function that must not return. It leaves by longjmp, as their manuals
// have it, to a function with no object that would have to be destroyed; that one returns false, and C++
// begins again in its caller.

struct PngInput {
  std::span<const std::byte> rest;
  std::array<char, kReasonBytes> reason{};
};

void png_failed(png_structp png, png_const_charp reason) {
  auto* input = static_cast<PngInput*>(png_get_error_ptr(png));
  std::snprintf(input->reason.data(), input->reason.size(), "%s", reason);
  png_longjmp(png, 1);
}

void png_warned(png_structp, png_const_charp) {}

void png_take(png_structp png, png_bytep to, size_t bytes) {
  auto* input = static_cast<PngInput*>(png_get_io_ptr(png));
  if (bytes > input->rest.size()) png_error(png, "it is cut short");
  std::memcpy(to, input->rest.data(), bytes);
  input->rest = input->rest.subspan(bytes);
}

bool read_png_header(png_structp png, png_infop info) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_user_limits(png, kLongestSide, kLongestSide);
  // Text, which may unpack to gigabytes, is passed over.
  png_set_chunk_cache_max(png, 1);
  png_set_chunk_malloc_max(png, kMostChunkBytes);
  png_read_info(png, info);
  png_set_expand(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return true;
}

bool read_png_pixels(png_structp png, png_bytepp rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_image(png, rows);
  png_read_end(png, nullptr);
  return true;
}

class PngReader {
 public:
  explicit PngReader(std::span<const std::byte> file) : input{file} {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, png_failed, png_warned);
    info = png != nullptr ? png_create_info_struct(png) : nullptr;
    if (info == nullptr) throw Error("libpng", "cannot be started", "Free some memory and run again");
    png_set_read_fn(png, &input, png_take);
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  PngInput input;
  png_structp png = nullptr;
  png_infop info = nullptr;
};

Image decode_png(std::span<const std::byte> file, std::string_view where) {
  PngReader reader(file);
  const auto fail = [&] {
    refuse(where, fmt::format("is not a sound PNG file ({})", reader.input.reason.data()));
  };
  if (!read_png_header(reader.png, reader.info)) fail();
  const uint64_t height = png_get_image_height(reader.png, reader.info);
  const uint64_t width = png_get_image_width(reader.png, reader.info);
  const uint64_t channels = png_get_channels(reader.png, reader.info);
  expect_size(height, width, channels, where);
  assert((channels == 1 || channels == 3) && png_get_rowbytes(reader.png, reader.info) == width * channels);
  Image image{static_cast<int32_t>(height), static_cast<int32_t>(width), static_cast<int32_t>(channels),
              std::vector<uint8_t>(height * width * channels)};
  std::vector<png_bytep> rows(height);
  for (size_t y = 0; y < height; ++y) rows[y] = image.pixels.data() + y * width * channels;
  if (!read_png_pixels(reader.png, rows.data())) fail();
  return image;
}

struct JpegErrors {
  jpeg_error_mgr base;  ///< the first member: libjpeg sees this struct as one
  std::jmp_buf leave;
  std::array<char, kReasonBytes> reason;
};

[[noreturn]] void jpeg_failed(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<JpegErrors*>(jpeg->err);
  errors->base.format_message(jpeg, errors->reason.data());
  std::longjmp(errors->leave, 1);
}

/// libjpeg goes on with grey where data are missing or damaged, and only warns.
void jpeg_said(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM) jpeg_failed(jpeg);
}

bool read_jpeg_header(jpeg_decompress_struct& jpeg, JpegErrors& errors, std::span<const std::byte> file) {
  if (setjmp(errors.leave) != 0) return false;
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  jpeg_read_header(&jpeg, TRUE);
  jpeg.out_color_space = jpeg.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
  // The most exact of its transforms, which also gives the same bytes on every processor.
  jpeg.dct_method = JDCT_ISLOW;
  jpeg_calc_output_dimensions(&jpeg);
  return true;
}

bool read_jpeg_pixels(jpeg_decompress_struct& jpeg, JpegErrors& errors, uint8_t* pixels) {
  if (setjmp(errors.leave) != 0) return false;
  jpeg_start_decompress(&jpeg);
  const size_t row = size_t{jpeg.output_width} * static_cast<size_t>(jpeg.output_components);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW to = pixels + jpeg.output_scanline * row;
    jpeg_read_scanlines(&jpeg, &to, 1);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

class JpegReader {
 public:
  JpegReader() {
    jpeg.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = jpeg_failed;
    errors.base.emit_message = jpeg_said;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  JpegErrors errors{};
  jpeg_decompress_struct jpeg{};
};

Image decode_jpeg(std::span<const std::byte> file, std::string_view where) {
  JpegReader reader;
  const auto fail = [&] {
    refuse(where, fmt::format("is not a sound JPEG file ({})", reader.errors.reason.data()));
  };
  if (!read_jpeg_header(reader.jpeg, reader.errors, file)) fail();
  const uint64_t height = reader.jpeg.output_height;
  const uint64_t width = reader.jpeg.output_width;
  const uint64_t channels = reader.jpeg.out_color_space == JCS_GRAYSCALE ? 1 : 3;
  expect_size(height, width, channels, where);
  Image image{static_cast<int32_t>(height), static_cast<int32_t>(width), static_cast<int32_t>(channels),
              std::vector<uint8_t>(height * width * channels)};
  if (!read_jpeg_pixels(reader.jpeg, reader.errors, image.pixels.data())) fail();
  return image;
}

bool begins_with(std::span<const std::byte> file, std::span<const uint8_t> magic) {
  return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
}

void png_keep(png_structp png, png_bytep from, size_t bytes) {
  auto* file = static_cast<std::vector<std::byte>*>(png_get_io_ptr(png));
  const auto* first = reinterpret_cast<const std::byte*>(from);
  file->insert(file->end(), first, first + bytes);
}

}  // namespace

Image decode_image(std::span<const std::byte> file, std::string_view where) {
  constexpr std::array<uint8_t, 8> kPng = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  constexpr std::array<uint8_t, 3> kJpeg = {0xff, 0xd8, 0xff};
  if (begins_with(file, kPng)) return decode_png(file, where);
  if (begins_with(file, kJpeg)) return decode_jpeg(file, where);
  refuse(where, file.empty() ? "is empty" : "is neither a PNG nor a JPEG file");
}

std::vector<std::byte> encode_png(const Image& image) {
  assert(image.channels == 1 || image.channels == 3);
  const size_t row = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  assert(image.pixels.size() == static_cast<size_t>(image.height) * row);
  // A failure of libpng here could only be one of memory: its standard error function ends the program.
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  if (info == nullptr) throw Error("libpng", "cannot be started", "Free some memory and run again");
  std::vector<std::byte> file;
  png_set_write_fn(png, &file, png_keep, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
               image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (size_t y = 0; y < static_cast<size_t>(image.height); ++y) {
    png_write_row(png, image.pixels.data() + y * row);
  }
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

}  // namespace thimble::data
