#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::data {

struct ArchiveMember {
  std::string path;          ///< within the archive: "package/data/train-labels-idx1-ubyte"
  uint64_t limit_bytes = 0;  ///< a larger member is refused before it is read
};

/// Reads the wanted members of a tar archive (plain, gzip or xz) or a zip archive into memory, by their
/// paths. Nothing is written, so no path in the archive can lead anywhere; one that is absolute or climbs
/// ("..") is refused all the same, because the archive is then not what it claims to be. Throws Error when
/// the archive is missing, damaged, cut short, lacks a wanted member, holds it as a link, or holds more than
/// 2 GiB.
std::map<std::string, std::vector<std::byte>> read_archive(const std::filesystem::path& archive,
                                                           std::span<const ArchiveMember> wanted);

/// The same of an archive that is in memory; `where` names it in errors.
std::map<std::string, std::vector<std::byte>> read_archive(std::span<const std::byte> archive,
                                                           std::string_view where,
                                                           std::span<const ArchiveMember> wanted);

}  // namespace thimble::data
