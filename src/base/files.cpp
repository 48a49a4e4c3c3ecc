#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace thimble {
namespace {

/// A POSIX file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return value_; }
  /// Closes and says whether that succeeded: a delayed write error is reported here on some file systems.
  bool close() { return ::close(std::exchange(value_, -1)) == 0; }

 private:
  int value_;
};

std::string reason_of(int error_number) { return std::strerror(error_number); }

template <typename Container>
Container read_whole(const std::filesystem::path& path, uint64_t limit_bytes) {
  // O_NONBLOCK: opening a named pipe would wait for a writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    throw Error(path.string(), fmt::format("cannot be opened ({})", reason_of(errno)),
                "Check the path and its permissions");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(path.string(), "is not a regular file", "Give the path of a file");
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > limit_bytes) {
    throw Error(path.string(),
                fmt::format("has {} bytes, more than the {} that are read here", size, limit_bytes),
                "Check that this is the file you meant");
  }
  Container content(size, typename Container::value_type{});
  uint64_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.get(), content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(path.string(), fmt::format("cannot be read ({})", reason_of(errno)), "Check the disk");
    if (got == 0) break;
    done += static_cast<uint64_t>(got);
  }
  content.resize(done);
  return content;
}

[[noreturn]] void fail_to_write(const std::filesystem::path& path, int error_number) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  throw Error(path.string(), fmt::format("cannot be written ({})", reason_of(error_number)),
              full
                  ? "Free some space on that disk and run the command again; what was there is unchanged"
                  : "Check that the folder exists and that you may write there; what was there is unchanged");
}

void write_all(const Descriptor& file, std::span<const std::byte> content) {
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t put = ::write(file.get(), content.data() + done, content.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw errno;
    done += static_cast<size_t>(put);
  }
}

/// What a path leads to: a link stays a link, and what it points to is written.
std::filesystem::path target_of(const std::filesystem::path& path) {
  std::error_code unresolved;
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(path, unresolved);
  return unresolved ? path : resolved;
}

/// Whether it is a device or pipe, which is written to, never replaced.
bool is_stream(const std::filesystem::path& path) {
  std::error_code unknown;
  const auto kind = std::filesystem::status(path, unknown).type();
  return kind == std::filesystem::file_type::character || kind == std::filesystem::file_type::fifo;
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, uint64_t limit_bytes) {
  return read_whole<std::vector<std::byte>>(path, limit_bytes);
}

std::string read_text(const std::filesystem::path& path, uint64_t limit_bytes) {
  return read_whole<std::string>(path, limit_bytes);
}

void write_file_atomically(const std::filesystem::path& target, std::span<const std::byte> content) {
  const std::filesystem::path path = target_of(target);
  if (is_stream(path)) {
    const Descriptor stream(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (stream.get() < 0) fail_to_write(path, errno);
    try {
      write_all(stream, content);
    } catch (int error_number) {
      fail_to_write(path, error_number);
    }
    return;
  }
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) fail_to_write(folder, failed.value());

  std::string beside = (folder / fmt::format(".{}.XXXXXX", path.filename().string())).string();
  Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
  if (file.get() < 0) fail_to_write(path, errno);
  const auto give_up = [&](int error_number) {
    ::unlink(beside.c_str());
    fail_to_write(path, error_number);
  };
  try {
    write_all(file, content);
  } catch (int error_number) {
    give_up(error_number);
  }
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(file.get(), 0666 & ~mask) != 0 || ::fsync(file.get()) != 0 || !file.close()) give_up(errno);
  if (::rename(beside.c_str(), path.c_str()) != 0) give_up(errno);
  const Descriptor folder_descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_descriptor.get() >= 0) ::fsync(folder_descriptor.get());
}

void expect_writable(const std::filesystem::path& target) {
  const std::filesystem::path path = target_of(target);
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) fail_to_write(path, EISDIR);
  if (is_stream(path)) {
    if (::access(path.c_str(), W_OK) != 0) fail_to_write(path, errno);
    return;
  }
  std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  while (!std::filesystem::exists(folder, ignored) && folder.has_relative_path())
    folder = folder.parent_path();
  if (!std::filesystem::is_directory(folder, ignored)) fail_to_write(folder, ENOTDIR);
  if (::access(folder.c_str(), W_OK) != 0) fail_to_write(folder, errno);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  write_file_atomically(path, std::as_bytes(std::span(content)));
}

namespace {

std::filesystem::path temporary_folder() {
  std::error_code failed;
  std::filesystem::path folder = std::filesystem::temp_directory_path(failed);
  if (failed) {
    throw Error("TMPDIR", fmt::format("does not name a folder ({})", failed.message()),
                "Set it to a folder that you may write to, or unset it");
  }
  return folder;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (temporary_folder() / "thimble.XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail_to_write(pattern, errno);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace thimble
