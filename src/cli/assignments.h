#pragma once

#include <string>
#include <vector>

namespace thimble::cli {

/// What --set KEY=VALUE arguments say, as the lines of a recipe. Throws Error for one without '='.
std::string toml_of(const std::vector<std::string>& assignments);

}  // namespace thimble::cli
