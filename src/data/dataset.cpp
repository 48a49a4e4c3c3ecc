#include "data/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <numeric>

#include "base/error.h"
#include "data/cifar10.h"
#include "data/mnist.h"

namespace thimble::data {
namespace {

struct Entry {
  DatasetInfo info;
  Dataset (*load)(Split);
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> kEntries = {
      {{"mnist", "handwritten digits, 60,000 + 10,000 images 28 x 28, 10 classes"}, load_mnist},
      {{"cifar10", "small photographs, 50,000 + 10,000 images 32 x 32 x 3, 10 classes"}, load_cifar10},
  };
  return kEntries;
}

}  // namespace

void to_float(std::span<const uint8_t> sample, std::span<float> values) {
  assert(sample.size() == values.size());
  std::transform(sample.begin(), sample.end(), values.begin(),
                 [](uint8_t byte) { return static_cast<float>(byte) / 255.0f; });
}

std::vector<DatasetInfo> datasets() {
  std::vector<DatasetInfo> infos;
  for (const Entry& entry : entries()) infos.push_back(entry.info);
  return infos;
}

Dataset load(std::string_view name, Split split) {
  std::vector<std::string_view> names;
  for (const Entry& entry : entries()) {
    if (entry.info.name == name) return entry.load(split);
    names.push_back(entry.info.name);
  }
  throw Error(fmt::format("data set \"{}\"", name), "is not known",
              fmt::format("The known ones: {}", fmt::join(names, ", ")));
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
