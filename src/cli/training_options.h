#pragma once

#include <string>
#include <vector>

#include "train/options.h"

namespace thimble::cli {

/// The options with `assignments` (KEY=VALUE, as in a recipe) made on top.
train::TrainOptions with_assignments(const train::TrainOptions& options,
                                     const std::vector<std::string>& assignments);

}  // namespace thimble::cli
