#include "cli/run_workers.h"

#include <fmt/format.h>

#include <thread>

#include "base/error.h"
#include "base/process.h"

namespace thimble::cli {

void run_workers(int workers, const std::vector<std::string>& command, const std::string& remedy) {
  constexpr double kNoLimit = 1e9;
  std::vector<std::string> errors(static_cast<size_t>(workers));
  {
    std::vector<std::jthread> threads;
    for (std::string& error : errors) {
      threads.emplace_back([&command, &error] {
        try {
          const ProcessResult result =
              run_process(command, "", {.working_folder = {}, .timeout_s = kNoLimit});
          // One that was killed says nothing itself.
          if (result.exit_code != 0)
            error = fmt::format("exit {} {}", result.exit_code, result.standard_error);
        } catch (const std::exception& failed) {
          error = failed.what();
        }
      });
    }
  }
  for (const std::string& error : errors) {
    if (!error.empty()) throw Error("A worker", fmt::format("ended: {}", error), remedy);
  }
}

}  // namespace thimble::cli
