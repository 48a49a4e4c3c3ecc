#pragma once

#include <filesystem>
#include <memory>

#include "study/storage.h"

namespace thimble::study {

/// A study in one SQLite file, for processes of one machine. Beside it, PATH.workers/ holds a locked file for
/// each process that has claimed a trial: the lock ends with the process, however that dies. With `create`, a
/// file that is not there is made. Throws Error when it cannot be opened or is no study.
std::unique_ptr<Storage> open_sqlite(const std::filesystem::path& path, bool create);

}  // namespace thimble::study
