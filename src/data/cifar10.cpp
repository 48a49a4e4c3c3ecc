#include "data/cifar10.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "data/archive.h"
#include "data/download.h"
#include "data/source.h"

namespace thimble::data {
namespace {

constexpr int32_t kSide = 32;
constexpr int32_t kChannels = 3;
constexpr size_t kPlaneBytes = size_t{kSide} * kSide;
constexpr size_t kImageBytes = kPlaneBytes * kChannels;
constexpr size_t kRecordBytes = 1 + kImageBytes;
constexpr uint64_t kBatchBytes = 10000 * kRecordBytes;
constexpr uint64_t kArchiveLimitBytes = uint64_t{1} << 28;
const std::vector<std::string> kClassNames = {"airplane", "automobile", "bird",  "cat",  "deer",
                                              "dog",      "frog",       "horse", "ship", "truck"};
const std::string kArchive = "cifar-10-binary.tar.gz";
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

Contents fetch_from_site() {
  const TemporaryFolder folder;
  const std::filesystem::path archive = folder.path() / kArchive;
  write_file_atomically(archive,
                        download(kSite + kArchive, {.limit_bytes = kArchiveLimitBytes, .timeout_s = 3600}));
  std::vector<ArchiveMember> members;
  for (const SourceFile& file : kFiles) members.push_back({kArchiveFolder + file.name, file.bytes});
  Contents contents;
  for (auto& [member, bytes] : read_archive(archive, members)) {
    contents[member.substr(kArchiveFolder.size())] = std::move(bytes);
  }
  return contents;
}

}  // namespace

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
  const Source source = {.set = "cifar10",
                         .archive = kArchive,
                         .archive_folder = kArchiveFolder,
                         .files = kFiles,
                         .mirrors = {{"official site", fetch_from_site}}};
  std::vector<std::string> names;
  for (const SourceFile& file : kFiles) {
    if ((file.name == "test_batch.bin") == (split == Split::kTest)) names.push_back(file.name);
  }
  Dataset dataset;
  dataset.name = source.set;
  dataset.split = split;
  dataset.sample_shape = {kSide, kSide, kChannels};
  dataset.class_names = kClassNames;
  dataset.samples.reserve(names.size() * 10000 * kImageBytes);
  for (SourceContent& content : read_files(source, names)) {
    append_cifar10_batch(content.bytes, content.where, dataset);
    content.bytes = {};
  }
  dataset.sha256 = listing_sha256(source, names);
  return dataset;
}

}  // namespace thimble::data
