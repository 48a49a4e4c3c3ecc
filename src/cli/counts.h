#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>

namespace thimble::cli {

/// Adds --count to a verb that writes C.
void add_count_option(CLI::App& verb, bool& counts);

/// Where counts of kernels are kept between calls, or nowhere: "" when they are not asked for.
std::filesystem::path counts_cache(bool counts);

}  // namespace thimble::cli
