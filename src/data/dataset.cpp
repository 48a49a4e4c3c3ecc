#include "data/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "data/cifar10.h"
#include "data/mnist.h"
#include "data/own_data.h"
#include "data/uci_har.h"
#include "data/validation.h"

namespace thimble::data {
namespace {

struct Entry {
  DatasetInfo info;
  Dataset (*load)(Split);
  TrainAndTest (*load_both)();  ///< null where it would be no quicker
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> kEntries = {
      {{"mnist", "handwritten digits, 60,000 + 10,000 images 28 x 28, 10 classes"}, load_mnist, nullptr},
      {{"cifar10", "small photographs, 50,000 + 10,000 images 32 x 32 x 3, 10 classes"},
       load_cifar10,
       nullptr},
      {{"uci-har", "activities by a waist-worn phone, 7,352 + 2,947 windows 128 x 9, 6 classes"},
       load_uci_har,
       load_uci_har_both},
  };
  return kEntries;
}

const Entry* find_entry(std::string_view name) {
  for (const Entry& entry : entries()) {
    if (entry.info.name == name) return &entry;
  }
  return nullptr;
}

/// The path that a name is, when it is no known set's.
std::filesystem::path expect_path(std::string_view name) {
  std::error_code ignored;
  if (std::filesystem::exists(name, ignored)) return name;
  std::vector<std::string_view> names;
  for (const Entry& entry : entries()) names.push_back(entry.info.name);
  throw Error(fmt::format("data set \"{}\"", name),
              "is not known, and there is no file or folder of that name",
              fmt::format("The known ones: {}. docs/data.md says how your own data must lie",
                          fmt::join(names, ", ")));
}

/// Exact: from how often each byte occurs.
ChannelStatistics statistics_of_bytes(std::span<const uint8_t> bytes, size_t channels) {
  std::vector<std::array<uint64_t, 256>> counts(channels);
  for (size_t i = 0; i < bytes.size(); i += channels) {
    for (size_t c = 0; c < channels; ++c) ++counts[c][bytes[i + c]];
  }
  ChannelStatistics statistics;
  const double count = static_cast<double>(std::max<size_t>(bytes.size() / channels, 1));
  for (const std::array<uint64_t, 256>& times : counts) {
    uint64_t sum = 0;
    uint64_t sum_of_squares = 0;
    for (uint64_t byte = 0; byte < times.size(); ++byte) {
      sum += byte * times[byte];
      sum_of_squares += byte * byte * times[byte];
    }
    const double mean = static_cast<double>(sum) / count;
    const double variance = static_cast<double>(sum_of_squares) / count - mean * mean;
    statistics.mean.push_back(mean / 255);
    statistics.standard_deviation.push_back(std::sqrt(std::max(variance, 0.0)) / 255);
  }
  return statistics;
}

/// In two passes, so that a large mean costs no digits of a small deviation.
ChannelStatistics statistics_of_floats(std::span<const float> values, size_t channels) {
  ChannelStatistics statistics{std::vector<double>(channels), std::vector<double>(channels)};
  auto& [mean, deviation] = statistics;
  const double count = static_cast<double>(std::max<size_t>(values.size() / channels, 1));
  for (size_t i = 0; i < values.size(); i += channels) {
    for (size_t c = 0; c < channels; ++c) mean[c] += static_cast<double>(values[i + c]);
  }
  for (double& value : mean) value /= count;
  for (size_t i = 0; i < values.size(); i += channels) {
    for (size_t c = 0; c < channels; ++c) {
      const double difference = static_cast<double>(values[i + c]) - mean[c];
      deviation[c] += difference * difference;
    }
  }
  for (double& value : deviation) value = std::sqrt(value / count);
  return statistics;
}

}  // namespace

void read_sample(const Dataset& dataset, size_t index, std::span<float> values) {
  assert(values.size() == dataset.sample_elements());
  if (dataset.is_image()) {
    const std::span<const uint8_t> bytes = dataset.sample(index);
    std::transform(bytes.begin(), bytes.end(), values.begin(),
                   [](uint8_t byte) { return static_cast<float>(byte) / 255.0f; });
    return;
  }
  const std::span<const float> raw = dataset.raw_sample(index);
  const auto& [mean, standard_deviation] = dataset.normalization;
  const size_t channels = mean.size();
  assert(channels > 0 && raw.size() % channels == 0);
  for (size_t i = 0; i < raw.size(); i += channels) {
    for (size_t c = 0; c < channels; ++c) {
      // A channel that never changes in training tells nothing: it is only centred.
      const double deviation = standard_deviation[c] > 0 ? standard_deviation[c] : 1.0;
      values[i + c] = static_cast<float>((static_cast<double>(raw[i + c]) - mean[c]) / deviation);
    }
  }
}

ChannelStatistics channel_statistics(const Dataset& dataset) {
  const auto channels = static_cast<size_t>(dataset.sample_shape.back());
  return dataset.is_image() ? statistics_of_bytes(dataset.samples, channels)
                            : statistics_of_floats(dataset.values, channels);
}

std::vector<DatasetInfo> datasets() {
  std::vector<DatasetInfo> infos;
  for (const Entry& entry : entries()) infos.push_back(entry.info);
  return infos;
}

Dataset load(std::string_view name, Split split) {
  if (split == Split::kValidation) return split_validation(load(name, Split::kTrain)).validation;
  if (const Entry* entry = find_entry(name)) return entry->load(split);
  TrainAndTest both = load_own_data(expect_path(name));
  return std::move(split == Split::kTrain ? both.train : both.test);
}

TrainAndTest load_both(std::string_view name) {
  const Entry* entry = find_entry(name);
  if (entry == nullptr) return load_own_data(expect_path(name));
  if (entry->load_both != nullptr) return entry->load_both();
  return {entry->load(Split::kTrain), entry->load(Split::kTest)};
}

std::vector<size_t> draw_by_class(const Dataset& dataset, size_t count, Random random) {
  std::vector<size_t> shuffled(dataset.size());
  std::iota(shuffled.begin(), shuffled.end(), size_t{0});
  random.shuffle(std::span(shuffled));
  if (count >= dataset.size()) return shuffled;

  std::vector<std::vector<size_t>> by_class(dataset.class_names.size());
  for (const size_t index : shuffled)
    by_class.at(static_cast<size_t>(dataset.labels[index])).push_back(index);
  // When count is no multiple of the classes, which of them get one more is drawn too.
  random.shuffle(std::span(by_class));
  std::vector<size_t> drawn;
  for (size_t round = 0; drawn.size() < count; ++round) {
    for (const std::vector<size_t>& members : by_class) {
      if (round < members.size() && drawn.size() < count) drawn.push_back(members[round]);
    }
  }
  return drawn;
}

}  // namespace thimble::data
