// What the data room asks of other libraries, in a build that has none: files must lie unpacked.

#include "base/error.h"
#include "data/archive.h"
#include "data/download.h"
#include "data/gzip.h"
#include "data/image_file.h"
#include "data/npm_package.h"

namespace thimble::data {
namespace {

[[noreturn]] void refuse(std::string_view what) {
  throw Error(what, "cannot be read by the training-only build",
              "Unpack the official files into THIMBLE_DATA/<set>, as docs/training.md says");
}

}  // namespace

std::map<std::string, std::vector<std::byte>> read_archive(const std::filesystem::path& archive,
                                                           std::span<const ArchiveMember> /*wanted*/) {
  refuse(archive.string());
}

std::map<std::string, std::vector<std::byte>> read_archive(std::span<const std::byte> /*archive*/,
                                                           std::string_view where,
                                                           std::span<const ArchiveMember> /*wanted*/) {
  refuse(where);
}

std::vector<std::byte> download(const std::string& url, const DownloadOptions& /*options*/) { refuse(url); }

std::vector<std::byte> gunzip(std::span<const std::byte> /*packed*/, uint64_t /*limit_bytes*/,
                              std::string_view where) {
  refuse(where);
}

std::map<std::string, std::vector<std::byte>> read_npm_package(const std::string& package,
                                                               std::span<const ArchiveMember> /*wanted*/) {
  refuse(package);
}

Image decode_image(std::span<const std::byte> /*file*/, std::string_view where) { refuse(where); }

}  // namespace thimble::data
