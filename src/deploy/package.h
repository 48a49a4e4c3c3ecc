#pragma once

#include <filesystem>
#include <vector>

#include "deploy/generated_c.h"

namespace thimble::deploy {

/// The files of a plain C package: the program, a CMakeLists.txt with one library, a README.md on what it
/// needs and costs, and example/main.c.
std::vector<GeneratedFile> package_files(const GeneratedC& program);

/// Writes the package into a folder, each file atomically. Other files there stay as they are. Throws Error,
/// before anything is written, when a file of the same name is there that Thimble did not write.
void write_package(const GeneratedC& program, const std::filesystem::path& folder);

}  // namespace thimble::deploy
