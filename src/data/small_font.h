#pragma once

#include <string_view>

#include "data/image_file.h"

namespace thimble::data {

constexpr int32_t kGlyphHeight = 7;
constexpr int32_t kGlyphAdvance = 6;  ///< five columns and a gap

/// Draws ASCII text, 5 x 7 dots a letter enlarged by `scale`, into an image of three channels at (y, x); what
/// leaves the image is cut off, other characters become "?".
void draw_text(Image& image, int32_t y, int32_t x, std::string_view text, int32_t scale, uint8_t grey);

}  // namespace thimble::data
