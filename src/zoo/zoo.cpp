#include "zoo/zoo.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "zoo/architectures.h"

namespace thimble::zoo {
namespace {

constexpr int32_t kMostExtent = 4096;
constexpr int32_t kMostClasses = 65536;
constexpr double kMostWidth = 4;

/// What stands before `separator`, or all; `text` keeps what comes after it.
std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

/// The whole text as a number from `least` to `most`.
template <typename T>
std::optional<T> number(std::string_view text, T least, T most) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !(value >= least && value <= most)) {
    return {};
  }
  return value;
}

std::optional<Shape> input_shape(std::string_view text) {
  if (std::count(text.begin(), text.end(), 'x') != 2) return {};
  Shape shape = {1};
  while (shape.size() < 4) {
    const auto extent = number<int32_t>(take_until(text, 'x'), 1, kMostExtent);
    if (!extent) return {};
    shape.push_back(*extent);
  }
  return shape;
}

/// Sets one key; returns what it takes if the value is wrong.
std::optional<std::string> set(Settings& settings, std::string_view key, std::string_view value) {
  if (key == "width") {
    const auto width = number<double>(value, 0.01, kMostWidth);
    if (!width) return fmt::format("a factor from 0.01 to {}, for example width=0.5", kMostWidth);
    settings.width = *width;
  } else if (key == "classes") {
    const auto classes = number<int32_t>(value, 2, kMostClasses);
    if (!classes) return fmt::format("a number from 2 to {}, for example classes=10", kMostClasses);
    settings.classes = *classes;
  } else {
    const auto shape = input_shape(value);
    if (!shape) return fmt::format("HxWxC, each from 1 to {}, for example input=32x32x3", kMostExtent);
    settings.input = *shape;
  }
  return {};
}

const Entry& entry_of(std::string_view name) {
  std::string known;
  for (const Entry& entry : entries()) {
    if (entry.name == name) return entry;
    known += (known.empty() ? "" : ", ") + entry.name;
  }
  throw Error(fmt::format("zoo:{}", name), "is not in the zoo", fmt::format("Take one of: {}", known));
}

}  // namespace

const std::vector<Entry>& entries() {
  static const Shape cifar = {1, 32, 32, 3};
  static const Shape mnist = {1, 28, 28, 1};
  static const Shape har = {1, 1, 128, 9};
  static const std::vector<Entry> all = {
      {"ds-cnn", "DS-CNN of MLPerf Tiny, keywords", {{1, 49, 10, 1}, 12}, 1, 1, ds_cnn},
      {"har-cnn", "plain 1-D CNN for signals", {har, 6}, 1, 8, har_cnn},
      {"har-resnet", "1-D ResNet for signals", {har, 6}, 1, 8, har_resnet},
      {"har-separable", "depthwise-separable 1-D ResNet", {har, 6}, 1, 8, har_separable},
      {"lenet", "LeNet-5 with ReLU and max pooling", {mnist, 10}, 12, 12, lenet},
      {"mnist-cnn", "four convolutions", {mnist, 10}, 4, 4, mnist_cnn},
      {"mobilenet-v2", "MobileNetV2 for small images", {cifar, 10}, 8, 8, mobilenet_v2},
      {"resnet18", "ResNet-18 for small images", {cifar, 10}, 8, 8, resnet18},
      {"resnet20", "ResNet-20 for CIFAR", {cifar, 10}, 4, 4, resnet20},
      {"resnet8", "ResNet-8 of MLPerf Tiny", {cifar, 10}, 4, 4, resnet8},
      {"resnet9", "ResNet-9 of DAWNBench, half width", {cifar, 10, 0.5}, 8, 8, resnet9},
  };
  return all;
}

Graph build(std::string_view specification, uint64_t seed) {
  std::string_view rest = specification;
  const Entry& entry = entry_of(take_until(rest, ','));
  Settings settings = entry.defaults;
  settings.seed = seed;
  const auto refuse = [&](std::string_view reason, std::string_view remedy) {
    throw Error(fmt::format("zoo:{}", specification), reason, remedy);
  };
  std::vector<std::string_view> seen;
  if (specification.ends_with(',')) refuse("ends with a comma", "Leave it out, or add a setting");
  while (!rest.empty()) {
    std::string_view value = take_until(rest, ',');
    const std::string_view key = take_until(value, '=');
    if (key != "width" && key != "classes" && key != "input") {
      refuse(fmt::format("has the unknown setting '{}'", key), "Take width=, classes= or input=HxWxC");
    }
    if (std::count(seen.begin(), seen.end(), key) > 0) {
      refuse(fmt::format("sets {} twice", key), "Leave one of them out");
    }
    seen.push_back(key);
    if (const auto takes = set(settings, key, value)) {
      refuse(fmt::format("has '{}' for {}", value, key), fmt::format("It takes {}", *takes));
    }
  }
  if (settings.input[1] < entry.least_height || settings.input[2] < entry.least_width) {
    refuse(fmt::format("is too small at {}x{}", settings.input[1], settings.input[2]),
           fmt::format("Give an input of at least {}x{}", entry.least_height, entry.least_width));
  }
  return entry.build(settings);
}

int32_t scaled(int32_t channels, double width) {
  if (width == 1) return channels;
  const double wanted = channels * width;
  const int32_t multiple = wanted < 8 ? 4 : 8;
  return std::max(multiple, static_cast<int32_t>(std::lround(wanted / multiple)) * multiple);
}

}  // namespace thimble::zoo
