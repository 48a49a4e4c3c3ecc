#include "data/contact_sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <vector>

#include "base/text.h"
#include "data/small_font.h"

namespace thimble::data {
namespace {

constexpr int32_t kMostColumns = 20;
constexpr int32_t kMostRows = 2;  ///< of a class
constexpr int32_t kGap = 2;
constexpr int32_t kMargin = 8;
constexpr int32_t kWidth = 900;  ///< roughly
constexpr int32_t kTextScale = 2;
constexpr int32_t kHeading = kTextScale * kGlyphHeight + 10;
constexpr uint8_t kInk = 40;
constexpr size_t kMostClasses = 100;

std::vector<std::vector<size_t>> members_of_classes(const Dataset& dataset, Random random) {
  std::vector<std::vector<size_t>> members(dataset.class_names.size());
  for (size_t i = 0; i < dataset.size(); ++i) members.at(static_cast<size_t>(dataset.labels[i])).push_back(i);
  for (std::vector<size_t>& of_class : members) random.shuffle(std::span(of_class));
  return members;
}

/// Draws a sample of the set, each pixel a square of `scale` dots; of a large one every -scale-th pixel.
void draw_sample(Image& sheet, int32_t y, int32_t x, const Dataset& dataset, size_t index, int32_t side_h,
                 int32_t side_w) {
  const std::span<const uint8_t> pixels = dataset.sample(index);
  const int32_t height = dataset.sample_shape[0];
  const int32_t width = dataset.sample_shape[1];
  const int32_t channels = dataset.sample_shape[2];
  for (int32_t row = 0; row < side_h; ++row) {
    for (int32_t column = 0; column < side_w; ++column) {
      const int64_t from_row = int64_t{row} * height / side_h;
      const int64_t from_column = int64_t{column} * width / side_w;
      const auto from = static_cast<size_t>((from_row * width + from_column) * channels);
      const auto to = (static_cast<size_t>(y + row) * static_cast<size_t>(sheet.width) +
                       static_cast<size_t>(x + column)) *
                      3;
      for (size_t c = 0; c < 3; ++c) sheet.pixels[to + c] = pixels[from + (channels >= 3 ? c : 0)];
    }
  }
}

}  // namespace

Image contact_sheet(const Dataset& dataset, Random random) {
  assert(dataset.is_image() && dataset.size() > 0);
  const auto members = members_of_classes(dataset, random);
  const size_t classes = std::min(members.size(), kMostClasses);
  const int32_t longest = std::max(dataset.sample_shape[0], dataset.sample_shape[1]);
  const int32_t scale = std::max(1, 44 / longest);
  // An image of more than 128 pixels a side is shown smaller.
  const auto shown = [&](int32_t side) {
    return longest > 128 ? std::max<int32_t>(1, static_cast<int32_t>(int64_t{side} * 128 / longest))
                         : side * scale;
  };
  const int32_t side_h = shown(dataset.sample_shape[0]);
  const int32_t side_w = shown(dataset.sample_shape[1]);
  size_t largest = 1;
  for (const auto& of_class : members) largest = std::max(largest, of_class.size());
  const int32_t columns = std::min({kMostColumns, std::max(1, kWidth / (side_w + kGap)),
                                    static_cast<int32_t>(std::min<size_t>(largest, kMostColumns))});
  const int32_t rows = static_cast<int32_t>(std::min<size_t>(
      kMostRows, (largest + static_cast<size_t>(columns) - 1) / static_cast<size_t>(columns)));

  const int32_t block = kHeading + rows * (side_h + kGap) + kMargin;
  Image sheet;
  sheet.channels = 3;
  sheet.width = std::max(2 * kMargin + columns * (side_w + kGap) - kGap, 320);
  sheet.height = kMargin + static_cast<int32_t>(classes) * block;
  sheet.pixels.assign(static_cast<size_t>(sheet.height) * static_cast<size_t>(sheet.width) * 3, 255);
  for (size_t c = 0; c < classes; ++c) {
    const int32_t top = kMargin + static_cast<int32_t>(c) * block;
    draw_text(sheet, top, kMargin, fmt::format("{}  {}", dataset.class_names[c], grouped(members[c].size())),
              kTextScale, kInk);
    const size_t count =
        std::min(members[c].size(), static_cast<size_t>(rows) * static_cast<size_t>(columns));
    for (size_t i = 0; i < count; ++i) {
      const int32_t row = static_cast<int32_t>(i) / columns;
      const int32_t column = static_cast<int32_t>(i) % columns;
      draw_sample(sheet, top + kHeading + row * (side_h + kGap), kMargin + column * (side_w + kGap), dataset,
                  members[c][i], side_h, side_w);
    }
  }
  return sheet;
}

}  // namespace thimble::data
