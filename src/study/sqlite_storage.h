#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "study/storage.h"

namespace thimble::study {

/// A study in one SQLite file, for processes of one machine. With `change`, a file that is not there is made;
/// without, what would change the study throws Error, and no one who works on it is waited for. Beside the
/// file, PATH.workers/ holds a locked file for each process that has claimed a trial: the lock ends with the
/// process, however that dies. Throws Error when the file cannot be opened, is no study, or is damaged.
std::unique_ptr<Storage> open_sqlite(const std::filesystem::path& path, bool change);

/// The folder of a study's file that is named like it, with `suffix`: one for all spellings of the path, and
/// for links to the file.
std::filesystem::path folder_beside(const std::filesystem::path& study, std::string_view suffix);

}  // namespace thimble::study
