#pragma once

#include <filesystem>

namespace thimble {

/// A lock on a file, of one process at a time; the system releases it however the process ends.
class FileLock {
 public:
  /// Makes the file where there is none; its folder must be there. Throws Error when it cannot be made.
  explicit FileLock(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  /// Waits until the lock is this process's. Throws Error where there are no locks (some network disks).
  void wait();
  /// Takes the lock; false when another has it. Throws Error as wait() does.
  bool try_lock();

 private:
  bool lock(int operation);

  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace thimble
