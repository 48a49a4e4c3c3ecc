#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "data/npy.h"
#include "data/own_data.h"
#include "data/own_split.h"

namespace thimble::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLimitBytes = uint64_t{1} << 34;
constexpr int32_t kMostClasses = 1000;

class NpyLoader {
 public:
  explicit NpyLoader(const fs::path& folder) : folder_(folder) {}

  TrainAndTest load() {
    all_.name = fs::absolute(folder_).lexically_normal().filename().string();
    if (all_.name.empty())
      all_.name = fs::absolute(folder_).lexically_normal().parent_path().filename().string();
    const bool has_test = is_there("x_test.npy");
    if (has_test && is_there("split.npy")) {
      throw Error((folder_ / "split.npy").string(), "is there beside x_test.npy", "Leave one of the two out");
    }
    const std::optional<std::vector<std::string>> names = read_class_names();
    const int32_t highest = (names ? static_cast<int32_t>(names->size()) : kMostClasses) - 1;
    std::vector<Split> splits;
    add("x.npy", "y.npy", "groups.npy", highest);
    if (has_test) {
      splits.assign(all_.size(), Split::kTrain);
      add("x_test.npy", "y_test.npy", "groups_test.npy", highest);
      splits.resize(all_.size(), Split::kTest);
    } else if (is_there("split.npy")) {
      for (const int32_t split : read_integers("split.npy", all_.size(), 0, 1))
        splits.push_back(split == 1 ? Split::kTest : Split::kTrain);
    }
    if (!all_.groups.empty() && all_.groups.size() != all_.size()) {
      throw Error((folder_ / "groups_test.npy").string(), "is missing beside groups.npy",
                  "Give both or neither");
    }
    if (names) {
      all_.class_names = *names;
    } else {
      const int32_t classes = *std::max_element(all_.labels.begin(), all_.labels.end()) + 1;
      for (int32_t c = 0; c < classes; ++c) all_.class_names.push_back(std::to_string(c));
    }
    all_.sha256 = sha256(std::as_bytes(std::span<const char>(provenance_)));
    return split_own_data(std::move(all_), splits, folder_.string());
  }

 private:
  /// True for a dangling link too, which then is an error when it is read.
  bool is_there(const char* name) const {
    return fs::symlink_status(folder_ / name).type() != fs::file_type::not_found;
  }

  std::vector<std::byte> read(const char* name) {
    std::vector<std::byte> content = read_file(folder_ / name, kLimitBytes);
    provenance_ += fmt::format("{}  {}\n", sha256(content), name);
    return content;
  }

  std::vector<int32_t> read_integers(const char* name, size_t count, int32_t low, int32_t high) {
    const std::string where = (folder_ / name).string();
    const std::vector<std::byte> content = read(name);
    std::vector<int32_t> numbers = integers_of(parse_npy(content, where), where, low, high);
    if (numbers.size() != count) {
      throw Error(where, fmt::format("has {} elements for {} samples", numbers.size(), count),
                  "Give one for each sample, in the same order");
    }
    return numbers;
  }

  /// classes.txt, a name a line.
  std::optional<std::vector<std::string>> read_class_names() {
    if (!is_there("classes.txt")) return std::nullopt;
    const std::string where = (folder_ / "classes.txt").string();
    const std::string text = read_text(folder_ / "classes.txt", 1 << 20);
    std::vector<std::string> names;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      std::string name = text.substr(begin, end - begin);
      name.erase(name.find_last_not_of(" \t\r") + 1);
      if (name.empty())
        throw Error(fmt::format("{}:{}", where, names.size() + 1), "is empty",
                    "Give the name of a class on every line");
      names.push_back(std::move(name));
      begin = end + 1;
    }
    if (names.size() > static_cast<size_t>(kMostClasses))
      throw Error(where, fmt::format("has {} names; at most {} are read", names.size(), kMostClasses),
                  "Leave out names of classes that no sample has");
    provenance_ += fmt::format("{}  classes.txt\n", sha256(std::as_bytes(std::span<const char>(text))));
    return names;
  }

  /// (N, F) -> (1, 1, F); (N, T, C) -> (1, T, C), but bytes (N, H, W) -> (H, W, 1); (N, H, W, C) -> (H, W,
  /// C).
  std::vector<int32_t> sample_shape_of(const NpyArray& array, const std::string& where) const {
    const std::vector<uint64_t>& shape = array.shape;
    const auto refuse = [&](std::string_view reason) {
      throw Error(where, fmt::format("has shape ({}), {}", fmt::join(shape, ", "), reason),
                  "Save an array (samples, features), (samples, time, channels), (samples, H, W) of bytes or "
                  "(samples, H, W, C)");
    };
    if (shape.size() < 2 || shape.size() > 4) refuse("not two to four axes");
    for (const uint64_t size : shape) {
      if (size == 0) refuse("so it is empty");
      if (size > std::numeric_limits<int32_t>::max()) refuse("too large");
    }
    std::vector<int32_t> sample;
    for (size_t axis = 1; axis < shape.size(); ++axis) sample.push_back(static_cast<int32_t>(shape[axis]));
    if (shape.size() == 3 && array.type == NpyType::kUint8) sample.push_back(1);
    while (sample.size() < 3) sample.insert(sample.begin(), 1);
    return sample;
  }

  void add(const char* x_name, const char* y_name, const char* group_name, int32_t highest) {
    const std::string where = (folder_ / x_name).string();
    const std::vector<std::byte> content = read(x_name);
    const NpyArray array = parse_npy(content, where);
    const std::vector<int32_t> shape = sample_shape_of(array, where);
    const bool is_image = array.type == NpyType::kUint8 && array.shape.size() > 2;
    if (all_.sample_shape.empty()) {
      all_.sample_shape = shape;
      is_image_ = is_image;
    }
    if (shape != all_.sample_shape || is_image != is_image_) {
      throw Error(where,
                  fmt::format("has samples of shape ({}){}, those of x.npy are ({}){}",
                              fmt::join(shape, ", "), is_image ? " in bytes" : "",
                              fmt::join(all_.sample_shape, ", "), is_image_ ? " in bytes" : ""),
                  "Save both in the same shape and type");
    }
    if (is_image) {
      const auto* first = reinterpret_cast<const uint8_t*>(array.data.data());
      all_.samples.insert(all_.samples.end(), first, first + array.data.size());
    } else {
      append_floats(array, where, all_.values);
    }
    const size_t count = array.shape[0];
    const std::vector<int32_t> labels = read_integers(y_name, count, 0, highest);
    all_.labels.insert(all_.labels.end(), labels.begin(), labels.end());
    if (is_there(group_name)) {
      if (all_.groups.size() + count != all_.labels.size())
        throw Error((folder_ / group_name).string(), "is there without groups.npy", "Give both or neither");
      const std::vector<int32_t> groups = read_integers(
          group_name, count, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
      all_.groups.insert(all_.groups.end(), groups.begin(), groups.end());
    }
  }

  const fs::path folder_;
  std::string provenance_;  ///< as sha256sum prints it for the files
  bool is_image_ = false;
  Dataset all_;
};

}  // namespace

TrainAndTest load_npy_folder(const fs::path& folder) { return NpyLoader(folder).load(); }

}  // namespace thimble::data
