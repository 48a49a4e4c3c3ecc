#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "data/contact_sheet.h"
#include "data/small_font.h"
#include "data/traces.h"

namespace thimble::data {
namespace {

Dataset colours() {
  Dataset set;
  set.name = "colours";
  set.sample_shape = {2, 3, 3};
  set.class_names = {"red", "green", "none"};
  for (int i = 0; i < 30; ++i) {
    for (int pixel = 0; pixel < 6; ++pixel) {
      const bool red = i % 3 == 0;
      set.samples.insert(set.samples.end(),
                         {static_cast<uint8_t>(red ? 255 : 0), static_cast<uint8_t>(red ? 0 : 255), 0});
    }
    set.labels.push_back(i % 3 == 0 ? 0 : 1);
  }
  return set;
}

size_t count_pixels(const Image& image, const std::vector<uint8_t>& pixel, size_t first_row,
                    size_t last_row) {
  size_t count = 0;
  for (size_t row = first_row; row < last_row; ++row) {
    for (size_t column = 0; column < static_cast<size_t>(image.width); ++column) {
      const size_t first = (row * static_cast<size_t>(image.width) + column) * 3;
      count +=
          std::equal(pixel.begin(), pixel.end(), image.pixels.begin() + static_cast<std::ptrdiff_t>(first))
              ? 1
              : 0;
    }
  }
  return count;
}

TEST(ContactSheet, has_the_images_of_each_class_in_its_own_block) {
  const Image sheet = contact_sheet(colours(), Random(1));
  ASSERT_EQ(sheet.pixels.size(), static_cast<size_t>(sheet.height) * static_cast<size_t>(sheet.width) * 3);
  const auto third = static_cast<size_t>(sheet.height) / 3;
  // Ten red and twenty green images, each pixel enlarged to 14 x 14.
  EXPECT_EQ(count_pixels(sheet, {255, 0, 0}, 0, third), 10u * 6 * 14 * 14);
  EXPECT_EQ(count_pixels(sheet, {0, 255, 0}, third, 2 * third), 20u * 6 * 14 * 14);
  EXPECT_EQ(count_pixels(sheet, {255, 0, 0}, third, 3 * third), 0u);
  EXPECT_EQ(contact_sheet(colours(), Random(1)).pixels, sheet.pixels);
}

TEST(ContactSheet, shows_large_grey_images_smaller) {
  Dataset set;
  set.sample_shape = {300, 600, 1};
  set.class_names = {"a"};
  set.samples.assign(size_t{300} * 600, 77);
  set.labels = {0};
  EXPECT_EQ(count_pixels(contact_sheet(set, Random(1)), {77, 77, 77}, 0, 100), 128u * 64);
}

TEST(SmallFont, draws_within_the_image_alone) {
  Image image{9, 20, 3, std::vector<uint8_t>(size_t{9} * 20 * 3, 255)};
  draw_text(image, 1, 1, "I", 1, 0);
  EXPECT_EQ(count_pixels(image, {0, 0, 0}, 0, 9), 11u);
  draw_text(image, -3, -2, "cut \xff off at every side", 3, 0);
}

Dataset waves() {
  Dataset set;
  set.name = "waves <1>";
  set.sample_shape = {1, 4, 2};
  set.class_names = {"a & b", "flat"};
  set.channel_names = {"x", "y"};
  set.values = {0, 5, 1, 5, 2, 5, 3, 5, 0, 5, 0, 5, 0, 5, 0, 5};
  set.labels = {0, 1};
  return set;
}

TEST(Traces, have_a_line_for_each_sample_and_channel_on_the_scale_of_the_channel) {
  const std::string page = traces_html(waves(), Random(1));
  EXPECT_NE(page.find("<title>waves &lt;1&gt;</title>"), std::string::npos);
  EXPECT_NE(page.find("a &amp; b"), std::string::npos);
  EXPECT_NE(page.find("0 to 3"), std::string::npos);
  EXPECT_NE(page.find("points=\"0.0,70.0 43.3,46.7 86.7,23.3 130.0,0.0 \""), std::string::npos) << page;
  EXPECT_NE(page.find("points=\"0.0,35.0 43.3,35.0 86.7,35.0 130.0,35.0 \""), std::string::npos)
      << "a constant lies in the middle";
}

TEST(Traces, of_a_table_are_histograms) {
  Dataset set;
  set.sample_shape = {1, 1, 1};
  set.class_names = {"a"};
  set.values = {0, 0, 0, 24};
  set.labels = {0, 0, 0, 0};
  const std::string page = traces_html(set, Random(1));
  EXPECT_NE(page.find("height=\"70.0\""), std::string::npos);
  EXPECT_NE(page.find("height=\"23.3\""), std::string::npos);
  EXPECT_EQ(page.find("polyline stroke"), std::string::npos);
}

}  // namespace
}  // namespace thimble::data
