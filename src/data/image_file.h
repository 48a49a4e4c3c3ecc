#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace thimble::data {

/// A decoded image: (H, W, C) bytes, C = 1 (grey) or 3 (red, green, blue).
struct Image {
  int32_t height = 0;
  int32_t width = 0;
  int32_t channels = 0;
  std::vector<uint8_t> pixels;
};

/// Decodes a PNG or JPEG file (told apart by their first bytes) to the bytes that it stores: no gamma or
/// colour profile is applied. A palette becomes colours, 1, 2 and 4 bits become 8, of 16 bits the upper 8 are
/// taken, transparency is left out. `where` names the file in errors. Throws Error when it is neither,
/// damaged, cut short, larger than 16,384 pixels a side or 2^28 bytes of pixels, or a JPEG that is neither
/// grey nor colour.
Image decode_image(std::span<const std::byte> file, std::string_view where);

/// A PNG file of an image.
std::vector<std::byte> encode_png(const Image& image);

}  // namespace thimble::data
