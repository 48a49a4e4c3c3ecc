#pragma once

#include <filesystem>
#include <string>

namespace thimble::report {

/// One HTML page on a run of `thimble optimize`, finished or not: results beside the float32 baseline, the
/// budget, what was verified, the cost of every layer, the training curve, and where all of it comes from. It
/// needs no network and no other file. Throws Error when the folder holds no run.
std::string html_report(const std::filesystem::path& run_folder);

}  // namespace thimble::report
