#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "data/csv.h"
#include "data/image_file.h"
#include "data/own_data.h"
#include "data/own_split.h"

namespace thimble::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kFileLimitBytes = uint64_t{1} << 26;
constexpr uint64_t kSetLimitBytes = uint64_t{1} << 34;

/// An image of the set.
struct Entry {
  std::string file;  ///< relative to the set's folder
  std::string class_name;
  std::optional<Split> split;
};

/// What a folder holds in the order of the names' bytes, without hidden files and those that Windows leaves.
/// A link is followed; one that leads nowhere is an error.
std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code failed;
  fs::directory_iterator files(folder, failed);
  for (; !failed && files != fs::directory_iterator(); files.increment(failed)) {
    const std::string name = files->path().filename().string();
    if (name.starts_with('.') || name == "Thumbs.db" || name == "desktop.ini") continue;
    entries.push_back(*files);
  }
  if (failed)
    throw Error(folder.string(), fmt::format("cannot be read ({})", failed.message()),
                "Check its permissions");
  for (const fs::directory_entry& entry : entries) {
    if (entry.is_directory(failed) || entry.is_regular_file(failed)) continue;
    throw Error(entry.path().string(), "is neither a file nor a folder, or a link that leads nowhere",
                "Take it out");
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_image_name(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::string_view, 3> kExtensions = {".png", ".jpg", ".jpeg"};
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

class ImageFolderLoader {
 public:
  explicit ImageFolderLoader(const fs::path& folder) : folder_(folder) {}

  TrainAndTest load() {
    const bool has_train = is_folder("train");
    const bool has_test = is_folder("test");
    if (has_train != has_test) {
      throw Error(folder_.string(),
                  fmt::format("has a folder {}, but none named {}", has_train ? "train" : "test",
                              has_train ? "test" : "train"),
                  "Give both, or a folder a class and a split.csv");
    }
    if (has_train) {
      list_classes("train", Split::kTrain);
      list_classes("test", Split::kTest);
    } else {
      list_classes("", std::nullopt);
      read_split_file();
    }
    return decode();
  }

 private:
  bool is_folder(const char* name) const {
    std::error_code ignored;
    return fs::is_directory(folder_ / name, ignored);
  }

  void list_classes(const std::string& part, std::optional<Split> split) {
    const fs::path within = part.empty() ? folder_ : folder_ / part;
    const size_t before = images_.size();
    for (const fs::directory_entry& of_class : entries_of(within)) {
      if (!of_class.is_directory()) {
        // Beside the classes a read-me is welcome; an image there has no class.
        if (!is_image_name(of_class.path())) continue;
        throw Error(of_class.path().string(), "is an image in no class's folder",
                    "Move it into the folder of its class");
      }
      const size_t first = images_.size();
      for (const fs::directory_entry& file : entries_of(of_class.path())) {
        if (file.is_directory() || !is_image_name(file.path())) {
          throw Error(file.path().string(),
                      file.is_directory() ? "is a folder within the folder of a class"
                                          : "is not named as a PNG or JPEG file",
                      "Keep nothing but .png, .jpg and .jpeg files in the folder of a class");
        }
        images_.push_back({fs::path(file.path()).lexically_relative(folder_).generic_string(),
                           of_class.path().filename().string(), split});
      }
      if (images_.size() == first) {
        throw Error(of_class.path().string(), "is the folder of a class and has no image",
                    "Put its images there, or remove it");
      }
    }
    if (images_.size() == before) {
      throw Error(within.string(), "has no folder of a class with images in it",
                  "docs/data.md shows how your own data must lie");
    }
  }

  void read_split_file() {
    const fs::path path = folder_ / "split.csv";
    if (fs::symlink_status(path).type() == fs::file_type::not_found) return;
    const std::string text = read_text(path);
    provenance_ = fmt::format("{}  split.csv\n", sha256(std::as_bytes(std::span<const char>(text))));
    const CsvTable table = read_csv(text, path.string());
    if (table.columns != 2)
      throw Error(path.string(), fmt::format("has {} columns", table.columns), "Give it two: file,split");
    std::map<std::string_view, Entry*> by_file;
    for (Entry& image : images_) by_file[image.file] = &image;
    const bool has_header = table.at(0, 0) == "file" && table.at(0, 1) == "split";
    for (size_t row = has_header ? 1 : 0; row < table.rows(); ++row) {
      const std::string where = fmt::format("{}:{}", path.string(), table.lines[row]);
      // Names are only compared, never opened, so that none can lead out of the folder.
      const auto found = by_file.find(table.at(row, 0));
      if (found == by_file.end()) {
        throw Error(where, fmt::format("names \"{}\", which is no image of this folder", table.at(row, 0)),
                    "Name it as CLASS/FILE, or remove that line");
      }
      if (found->second->split)
        throw Error(where, fmt::format("names {} for the second time", found->first), "Remove that line");
      found->second->split = parse_split(table.at(row, 1), where);
    }
    for (const Entry& image : images_) {
      if (!image.split)
        throw Error(path.string(), fmt::format("does not name {}", image.file),
                    "Add a line for it, or remove the image");
    }
  }

  TrainAndTest decode() {
    Dataset all;
    all.name = fs::absolute(folder_ / "x").lexically_normal().parent_path().filename().string();
    std::vector<std::string> names;
    for (const Entry& image : images_) names.push_back(image.class_name);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    all.class_names = sorted_names(std::move(names));
    std::map<std::string_view, int32_t> labels;
    for (const std::string& name : all.class_names) labels.emplace(name, static_cast<int32_t>(labels.size()));

    std::vector<Split> splits;
    for (const Entry& entry : images_) {
      const fs::path path = folder_ / entry.file;
      const std::vector<std::byte> content = read_file(path, kFileLimitBytes);
      provenance_ += fmt::format("{}  {}\n", sha256(content), entry.file);
      const Image image = decode_image(content, path.string());
      const std::vector<int32_t> shape = {image.height, image.width, image.channels};
      if (all.sample_shape.empty()) {
        all.sample_shape = shape;
        if (image.pixels.size() > kSetLimitBytes / images_.size()) {
          throw Error(
              folder_.string(),
              fmt::format("has {} images of {} bytes, too much to hold", images_.size(), image.pixels.size()),
              "Make the images smaller first");
        }
        all.samples.reserve(images_.size() * image.pixels.size());
      }
      if (shape != all.sample_shape) {
        const auto text = [](const std::vector<int32_t>& s) {
          return fmt::format("{} x {} x {}", s[0], s[1], s[2]);
        };
        throw Error(path.string(),
                    fmt::format("is {} (H x W x C), but {} is {}", text(shape), images_[0].file,
                                text(all.sample_shape)),
                    "Bring all images to one size and to grey or colour alike");
      }
      all.samples.insert(all.samples.end(), image.pixels.begin(), image.pixels.end());
      all.labels.push_back(labels.at(entry.class_name));
      if (entry.split) splits.push_back(*entry.split);
    }
    all.sha256 = sha256(std::as_bytes(std::span<const char>(provenance_)));
    return split_own_data(std::move(all), splits, folder_.string());
  }

  const fs::path folder_;
  std::vector<Entry> images_;
  std::string provenance_;  ///< as sha256sum prints it for the files
};

}  // namespace

TrainAndTest load_image_folder(const fs::path& folder) { return ImageFolderLoader(folder).load(); }

}  // namespace thimble::data
