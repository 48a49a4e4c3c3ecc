#include "data/uci_har.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "data/validation.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::expect_error;

std::vector<float> windows_of(std::string_view text, size_t windows, size_t time) {
  std::vector<float> values(windows * time);
  parse_windows(text, "signal", windows, time, 0, 1, values);
  return values;
}

TEST(ParseWindows, writes_a_signal_into_its_channel) {
  std::vector<float> values(8, -1);
  parse_windows("  1.0e-001 -2.5000000e+000\n  3 4\r\n", "signal", 2, 2, 1, 2, values);
  EXPECT_EQ(values, (std::vector<float>{-1, 0.1F, -1, -2.5F, -1, 3, -1, 4}));
}

TEST(ParseWindows, names_the_line_that_is_not_right) {
  expect_error([] { windows_of("1 2\n3\n", 2, 2); }, "signal:2: has 1 numbers, expected 2");
  expect_error([] { windows_of("1 2\n3 4 5\n", 2, 2); }, "signal:2: has more than 2 numbers");
  expect_error([] { windows_of("1 2\n3 x\n", 2, 2); }, "signal:2: has \"x\", which is not a finite number");
  expect_error([] { windows_of("1 2\n3 4,\n", 2, 2); }, "signal:2: has \"4,\"");
  expect_error([] { windows_of("1 nan\n3 4\n", 2, 2); }, "signal:1: has \"nan\"");
  expect_error([] { windows_of("1 2\n3 -inf\n", 2, 2); }, "signal:2: has \"-inf\"");
  expect_error([] { windows_of("1 2\n3 1e39\n", 2, 2); }, "signal:2: has \"1e39\"");
  expect_error([] { windows_of("1 2\n", 2, 2); }, "signal: has 1 lines for 2 labels");
  expect_error([] { windows_of("1 2\n3 4\n5 6\n", 2, 2); }, "signal:3: is one line more than the 2 labels");
  expect_error([] { windows_of("1 2\n\n", 2, 2); }, "signal:2: has 0 numbers");
}

TEST(ParseLinesOfIntegers, takes_a_number_a_line_within_the_limits) {
  EXPECT_EQ(parse_lines_of_integers("5\n1\r\n 6 \n", "labels", 1, 6), (std::vector<int32_t>{5, 1, 6}));
  for (const char* text :
       {"5\n0\n", "5\n7\n", "5\n\n", "5\n1 2\n", "5\n1.5\n", "5\nx\n", "5\n99999999999\n"}) {
    expect_error([&] { parse_lines_of_integers(text, "labels", 1, 6); },
                 "labels:2: is not an integer from 1 to 6");
  }
}

std::vector<int> class_counts(const Dataset& dataset) {
  std::vector<int> counts(dataset.class_names.size());
  for (const int32_t label : dataset.labels) ++counts.at(static_cast<size_t>(label));
  return counts;
}

std::map<int32_t, int> people_of(const Dataset& dataset) {
  std::map<int32_t, int> people;
  for (const int32_t person : dataset.groups) ++people[person];
  return people;
}

// The counts as the publication and the files' README have them; both splits in one test, since unpacking the
// archive takes longest.
TEST(UciHar, has_the_published_windows_people_and_classes_and_is_normalized_by_its_training_split) {
  const char* data = std::getenv("THIMBLE_DATA");
  if (data == nullptr || !std::filesystem::exists(std::filesystem::path(data) / "uci-har"))
    GTEST_SKIP() << "SKIPPED: THIMBLE_DATA has no folder uci-har";
  const auto [train, test] = load_both("uci-har");
  EXPECT_EQ(test.sample_shape, (std::vector<int32_t>{1, 128, 9}));
  EXPECT_EQ(class_counts(test), (std::vector<int>{496, 471, 420, 491, 532, 537}));
  EXPECT_EQ(test.values.size(), 2947u * 128 * 9);
  EXPECT_EQ(class_counts(train), (std::vector<int>{1226, 1073, 986, 1286, 1374, 1407}));
  EXPECT_EQ(train.values.size(), 7352u * 128 * 9);
  EXPECT_FALSE(train.is_image());
  EXPECT_NE(train.sha256, test.sha256);

  const auto train_people = people_of(train);
  const auto test_people = people_of(test);
  EXPECT_EQ(train_people.size(), 21u);
  EXPECT_EQ(test_people.size(), 9u);
  for (const auto& [person, windows] : test_people) EXPECT_FALSE(train_people.contains(person));

  // The first numbers of the official files.
  EXPECT_EQ(train.raw_sample(0)[0], 1.8085150e-4F);
  EXPECT_EQ(train.raw_sample(0)[9], 1.0138560e-2F);
  EXPECT_EQ(train.labels[0], 4);
  EXPECT_EQ(train.groups[0], 1);
  // The weight of the phone is 1 g: mostly along x, upright.
  EXPECT_NEAR(train.normalization.mean[6], 0.8, 0.05);

  EXPECT_EQ(test.normalization.mean, train.normalization.mean);
  EXPECT_EQ(test.normalization.standard_deviation, train.normalization.standard_deviation);
  std::vector<float> seen(train.sample_elements());
  std::vector<double> sum(9);
  std::vector<double> squares(9);
  for (size_t i = 0; i < train.size(); ++i) {
    read_sample(train, i, seen);
    for (size_t j = 0; j < seen.size(); ++j) {
      sum[j % 9] += static_cast<double>(seen[j]);
      squares[j % 9] += static_cast<double>(seen[j]) * static_cast<double>(seen[j]);
    }
  }
  for (size_t c = 0; c < 9; ++c) {
    EXPECT_NEAR(sum[c] / (7352 * 128), 0, 1e-6);
    EXPECT_NEAR(squares[c] / (7352 * 128), 1, 1e-5);
  }

  const auto parts = split_validation(train);
  EXPECT_EQ(people_of(parts.validation).size(), 4u);
  for (const auto& [person, windows] : people_of(parts.training))
    EXPECT_FALSE(people_of(parts.validation).contains(person));
  EXPECT_EQ(parts.validation.size() + parts.training.size(), 7352u);
  for (const int count : class_counts(parts.validation)) EXPECT_GT(count, 100);
}

}  // namespace
}  // namespace thimble::data
