#include "data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/files.h"
#include "data/cifar10.h"
#include "data/image_file.h"
#include "packing.h"
#include "scoped_variable.h"
#include "support/expect_error.h"

namespace thimble::data {
namespace {

using test::expect_error;
using test::ScopedVariable;

std::vector<int> class_counts(const Dataset& dataset, const std::vector<size_t>& indices) {
  std::vector<int> counts(dataset.class_names.size());
  for (const size_t index : indices) ++counts.at(static_cast<size_t>(dataset.labels.at(index)));
  return counts;
}

std::vector<int> class_counts(const Dataset& dataset) {
  std::vector<int> counts(dataset.class_names.size());
  for (const int32_t label : dataset.labels) ++counts.at(static_cast<size_t>(label));
  return counts;
}

/// 4 classes with 100, 50, 20 and 3 samples, in that order.
Dataset uneven() {
  Dataset dataset;
  dataset.class_names = {"a", "b", "c", "d"};
  const std::array<int, 4> sizes = {100, 50, 20, 3};
  for (size_t label = 0; label < sizes.size(); ++label) {
    dataset.labels.insert(dataset.labels.end(), static_cast<size_t>(sizes[label]),
                          static_cast<int32_t>(label));
  }
  dataset.samples.assign(dataset.labels.size(), 0);
  dataset.sample_shape = {1, 1, 1};
  return dataset;
}

TEST(ReadSample, divides_the_bytes_of_an_image_by_255) {
  Dataset dataset;
  dataset.sample_shape = {1, 3, 1};
  dataset.samples = {9, 9, 9, 0, 51, 255};
  dataset.labels = {0, 0};
  std::array<float, 3> values{};
  read_sample(dataset, 1, values);
  EXPECT_EQ(values, (std::array<float, 3>{0.0f, 0.2f, 1.0f}));
}

/// Two samples of three moments of two channels.
Dataset small_signal() {
  Dataset dataset;
  dataset.sample_shape = {1, 3, 2};
  dataset.values = {1, 100, 2, 100, 3, 100, 4, 100, 5, 100, 9, 100};
  dataset.labels = {0, 0};
  return dataset;
}

// By hand: the mean of 1, 2, 3, 4, 5, 9 is 4, their variance (9 + 4 + 1 + 0 + 1 + 25) / 6 = 20 / 3.
TEST(ChannelStatistics, are_those_of_the_population_of_each_channel) {
  const ChannelStatistics found = channel_statistics(small_signal());
  EXPECT_EQ(found.mean, (std::vector<double>{4, 100}));
  ASSERT_EQ(found.standard_deviation.size(), 2u);
  EXPECT_DOUBLE_EQ(found.standard_deviation[0], std::sqrt(20.0 / 3));
  EXPECT_EQ(found.standard_deviation[1], 0);
}

TEST(ChannelStatistics, of_an_image_are_of_byte_over_255) {
  Dataset dataset;
  dataset.sample_shape = {1, 2, 2};
  dataset.samples = {0, 255, 51, 255, 102, 255, 51, 255};
  dataset.labels = {0, 0};
  const ChannelStatistics found = channel_statistics(dataset);
  EXPECT_DOUBLE_EQ(found.mean[0], 0.2);
  EXPECT_DOUBLE_EQ(found.mean[1], 1);
  EXPECT_DOUBLE_EQ(found.standard_deviation[0], std::sqrt(0.02));
  EXPECT_EQ(found.standard_deviation[1], 0);
}

TEST(ChannelStatistics, keep_the_digits_of_a_small_deviation_beside_a_large_mean) {
  Dataset dataset;
  dataset.sample_shape = {1, 1, 1};
  dataset.values = {8388607, 8388608, 8388609};
  dataset.labels = {0, 0, 0};
  EXPECT_DOUBLE_EQ(channel_statistics(dataset).standard_deviation[0], std::sqrt(2.0 / 3));
}

TEST(ReadSample, normalizes_a_signal_channel_by_channel_and_only_centres_one_that_is_constant) {
  Dataset dataset = small_signal();
  dataset.normalization = {{4, 90}, {2, 0}};
  std::array<float, 6> values{};
  read_sample(dataset, 1, values);
  EXPECT_EQ(values, (std::array<float, 6>{0, 10, 0.5, 10, 2.5, 10}));
}

TEST(DrawByClass, is_even_over_the_classes_and_never_draws_a_sample_twice) {
  const Dataset dataset = uneven();
  const auto drawn = draw_by_class(dataset, 12, Random(1));
  EXPECT_EQ(class_counts(dataset, drawn), (std::vector<int>{3, 3, 3, 3}));
  EXPECT_EQ(std::set<size_t>(drawn.begin(), drawn.end()).size(), 12u);
}

TEST(DrawByClass, gives_the_place_of_a_class_that_is_used_up_to_the_others) {
  const Dataset dataset = uneven();
  EXPECT_EQ(class_counts(dataset, draw_by_class(dataset, 83, Random(1))), (std::vector<int>{30, 30, 20, 3}));
}

TEST(DrawByClass, differs_by_one_at_most_when_the_count_is_no_multiple_of_the_classes) {
  const Dataset dataset = uneven();
  std::vector<int> extra(4);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto counts = class_counts(dataset, draw_by_class(dataset, 9, Random(seed)));
    EXPECT_EQ(*std::min_element(counts.begin(), counts.end()), 2);
    EXPECT_EQ(*std::max_element(counts.begin(), counts.end()), 3);
    for (size_t label = 0; label < 4; ++label) extra[label] += counts[label] - 2;
  }
  for (const int times : extra) EXPECT_GT(times, 0) << "a class never gets the one more";
}

TEST(DrawByClass, repeats_itself_for_a_seed_and_differs_for_another) {
  const Dataset dataset = uneven();
  EXPECT_EQ(draw_by_class(dataset, 20, Random(1)), draw_by_class(dataset, 20, Random(1)));
  EXPECT_NE(draw_by_class(dataset, 20, Random(1)), draw_by_class(dataset, 20, Random(2)));
}

TEST(DrawByClass, gives_all_indices_shuffled_when_as_many_or_more_are_wanted) {
  const Dataset dataset = uneven();
  for (const size_t count : {dataset.size(), dataset.size() + 1000}) {
    auto drawn = draw_by_class(dataset, count, Random(1));
    EXPECT_FALSE(std::is_sorted(drawn.begin(), drawn.end()));
    std::sort(drawn.begin(), drawn.end());
    ASSERT_EQ(drawn.size(), dataset.size());
    for (size_t i = 0; i < drawn.size(); ++i) EXPECT_EQ(drawn[i], i);
  }
}

TEST(DrawByClass, draws_nothing_from_nothing) {
  EXPECT_TRUE(draw_by_class(Dataset{}, 5, Random(1)).empty());
  EXPECT_TRUE(draw_by_class(uneven(), 0, Random(1)).empty());
}

TEST(Load, names_the_known_sets_when_it_is_asked_for_another) {
  expect_error([] { load("mnits", Split::kTest); },
               {"data set \"mnits\": is not known", "The known ones: mnist, cifar10, uci-har."});
}

TEST(Load, names_a_damaged_mnist_file) {
  const TemporaryFolder folder;
  const ScopedVariable given("THIMBLE_DATA", folder.path().string());
  const auto path = folder.path() / "mnist" / "t10k-labels-idx1-ubyte";
  write_file_atomically(path, "damaged");
  expect_error([] { load("mnist", Split::kTest); }, path.string() + ": has SHA-256 ");
}

TEST(Cifar10Batch, turns_planes_into_pixels) {
  std::vector<std::byte> batch(2 * 3073);
  batch[3073] = std::byte{9};
  batch[3073 + 1 + 5] = std::byte{10};             // red of pixel 5 of the second image
  batch[3073 + 1 + 1024 + 5] = std::byte{20};      // green
  batch[3073 + 1 + 2 * 1024 + 5] = std::byte{30};  // blue
  Dataset dataset;
  append_cifar10_batch(batch, "batch", dataset);
  EXPECT_EQ(dataset.labels, (std::vector<int32_t>{0, 9}));
  ASSERT_EQ(dataset.sample_elements(), 3072u);
  EXPECT_EQ(dataset.sample(1)[15], 10);
  EXPECT_EQ(dataset.sample(1)[16], 20);
  EXPECT_EQ(dataset.sample(1)[17], 30);
}

TEST(Cifar10Batch, refuses_partial_records_and_labels_that_are_no_class_and_leaves_the_data_as_it_was) {
  Dataset dataset;
  expect_error([&] { append_cifar10_batch(std::vector<std::byte>(3072), "batch", dataset); },
               "batch: has 3072 bytes, which is not whole records of 3073");
  expect_error([&] { append_cifar10_batch({}, "batch", dataset); }, "batch: has 0 bytes");
  std::vector<std::byte> batch(2 * 3073);
  batch[3073] = std::byte{10};
  expect_error([&] { append_cifar10_batch(batch, "batch", dataset); }, "has label 10 at index 1");
  EXPECT_EQ(dataset.size(), 0u);
  EXPECT_TRUE(dataset.samples.empty());
}

TEST(Cifar10Batch, of_a_png_is_the_official_batch) {
  Image image{2, 1024, 3, std::vector<uint8_t>(size_t{2} * 1024 * 3)};
  image.pixels[3072 + 15] = 10;
  image.pixels[3072 + 16] = 20;
  image.pixels[3072 + 17] = 30;
  const std::array<uint8_t, 2> labels = {0, 9};
  std::vector<std::byte> expected(2 * 3073);
  expected[3073] = std::byte{9};
  expected[3073 + 1 + 5] = std::byte{10};
  expected[3073 + 1 + 1024 + 5] = std::byte{20};
  expected[3073 + 1 + 2 * 1024 + 5] = std::byte{30};
  EXPECT_EQ(cifar10_batch_of_png(encode_png(image), labels, "png"), expected);
  image.height = 1;
  image.pixels.resize(3072);
  expect_error([&] { cifar10_batch_of_png(encode_png(image), labels, "png"); },
               "png: is 1 x 1024 x 3, not 2 x 1024 x 3");
}

/// The real sets, where THIMBLE_DATA has them: a test fetches nothing.
class RealData : public ::testing::Test {
 protected:
  static bool has(const char* set) {
    const char* folder = std::getenv("THIMBLE_DATA");
    return folder != nullptr && std::filesystem::exists(std::filesystem::path(folder) / set);
  }
};

// The counts of the classes as the publications of the sets have them.
TEST_F(RealData, mnist_has_the_published_class_counts) {
  if (!has("mnist")) GTEST_SKIP() << "SKIPPED: THIMBLE_DATA has no folder mnist";
  const Dataset train = load("mnist", Split::kTrain);
  EXPECT_EQ(train.name, "mnist");
  EXPECT_EQ(train.sample_shape, (std::vector<int32_t>{28, 28, 1}));
  EXPECT_EQ(train.samples.size(), 60000u * 784);
  EXPECT_EQ(class_counts(train),
            (std::vector<int>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  const Dataset test = load("mnist", Split::kTest);
  EXPECT_EQ(test.samples.size(), 10000u * 784);
  EXPECT_EQ(class_counts(test), (std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  EXPECT_NE(train.sha256, test.sha256);
}

TEST_F(RealData, cifar10_has_the_published_class_counts) {
  if (!has("cifar10")) GTEST_SKIP() << "SKIPPED: THIMBLE_DATA has no folder cifar10";
  const Dataset train = load("cifar10", Split::kTrain);
  EXPECT_EQ(train.sample_shape, (std::vector<int32_t>{32, 32, 3}));
  EXPECT_EQ(train.samples.size(), 50000u * 3072);
  EXPECT_EQ(class_counts(train), std::vector<int>(10, 5000));
  const Dataset test = load("cifar10", Split::kTest);
  EXPECT_EQ(test.samples.size(), 10000u * 3072);
  EXPECT_EQ(class_counts(test), std::vector<int>(10, 1000));
}

}  // namespace
}  // namespace thimble::data
