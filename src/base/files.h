#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

/// Reads a whole file. Throws Error when it is missing, unreadable, not a regular file or larger than
/// `limit_bytes`.
std::vector<std::byte> read_file(const std::filesystem::path& path, uint64_t limit_bytes = uint64_t{1} << 31);

/// As read_file, for text.
std::string read_text(const std::filesystem::path& path, uint64_t limit_bytes = uint64_t{1} << 26);

/// Writes a file so that a reader sees either the old content or the new, whole, whatever happens in between
/// (a kill, a full disk): writes beside it, fsyncs, renames, fsyncs the folder. Creates missing parent
/// folders. Of a link, the target is replaced; a device or pipe is written to instead.
/// Throws Error, with the old content intact and no temporary left, when the disk is full or not
/// writable.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> content);
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Throws the Error that writing this file later would end in, as far as it can be known without writing: it
/// is a folder, or the nearest folder that is there may not be written. For what takes long before it writes.
void expect_writable(const std::filesystem::path& path);

/// The SHA-256 of `content`, as 64 lower-case hexadecimal digits (FIPS 180-4).
std::string sha256(std::span<const std::byte> content);

/// A new empty folder under the system's temporary folder (TMPDIR), removed with all it holds at the end of
/// its life.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace thimble
