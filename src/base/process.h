#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

/// What a finished child process left.
struct ProcessResult {
  int exit_code = 0;  ///< 128 + the signal's number when a signal ended it
  bool timed_out = false;
  std::string standard_output;
  std::string standard_error;
};

struct ProcessOptions {
  std::filesystem::path working_folder;  ///< empty: that of the caller
  double timeout_s = 600;                ///< the child and its process group are killed after that
};

/// Runs a program, found on PATH, with its arguments (no shell in between) and waits for its end.
/// Throws Error when the program cannot be started; `install_hint` says how to get it ("apt-get install
/// ..."). A non-zero exit is not an error here: the caller knows what it means.
ProcessResult run_process(const std::vector<std::string>& command, std::string_view install_hint,
                          const ProcessOptions& options = {});

/// The full path of a program on PATH, or nothing.
std::optional<std::filesystem::path> find_program(std::string_view name);

}  // namespace thimble
