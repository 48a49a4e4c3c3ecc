#include "base/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace thimble {

FileLock::FileLock(const std::filesystem::path& path)
    : path_(path), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (file_ < 0) {
    throw Error(path.string(), "cannot be made",
                "Check that you may write there and that the disk is not full");
  }
}

FileLock::~FileLock() { ::close(file_); }

void FileLock::wait() { lock(LOCK_EX); }

bool FileLock::try_lock() { return lock(LOCK_EX | LOCK_NB); }

bool FileLock::lock(int operation) {
  int locked = 0;
  do {
    locked = ::flock(file_, operation);
  } while (locked != 0 && errno == EINTR);
  if (locked != 0 && errno != EWOULDBLOCK) {
    throw Error(path_.string(), fmt::format("cannot be locked ({})", std::strerror(errno)),
                "Work on a disk of this machine");
  }
  return locked == 0;
}

}  // namespace thimble
