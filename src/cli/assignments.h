#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace thimble::cli {

/// What KEY=VALUE arguments of an option say, as the lines of a recipe. Throws Error for one without '='.
std::string toml_of(const std::vector<std::string>& assignments, std::string_view option = "--set");

}  // namespace thimble::cli
