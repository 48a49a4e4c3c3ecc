#include "zoo/zoo.h"

#include <fmt/format.h>

#include "base/error.h"

namespace thimble::zoo {

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = {
      {"mnist-cnn", "four convolutions, 28x28x1, 10 classes", mnist_cnn},
      {"resnet8", "ResNet-8 of MLPerf Tiny, 32x32x3, 10 classes", resnet8},
  };
  return all;
}

Graph build(std::string_view name, uint64_t seed) {
  std::string known;
  for (const Entry& entry : entries()) {
    if (entry.name == name) return entry.build(seed);
    known += (known.empty() ? "" : ", ") + entry.name;
  }
  throw Error(fmt::format("zoo:{}", name), "is not in the zoo", fmt::format("Take one of: {}", known));
}

}  // namespace thimble::zoo
