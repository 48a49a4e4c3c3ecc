#pragma once

#include <string>

#include "study/storage.h"

namespace thimble::report {

/// Where a study or search comes from, as HTML: the program's version, the command that began it, and the
/// SHA-256 of its data, models and devices.
std::string origin(study::Storage& storage);

}  // namespace thimble::report
