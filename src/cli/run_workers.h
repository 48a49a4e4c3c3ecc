#pragma once

#include <string>
#include <vector>

namespace thimble::cli {

/// A command, `workers` times at once. Throws Error with the remedy when one of them fails.
void run_workers(int workers, const std::vector<std::string>& command, const std::string& remedy);

}  // namespace thimble::cli
