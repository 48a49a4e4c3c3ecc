#pragma once

#include <string_view>

#include "base/toml_table.h"
#include "train/options.h"

namespace thimble::train {

/// The options of training in a table of a recipe (docs/recipes.md lists the keys); `options` are the
/// defaults of those that are left out. Throws Error with the line for a value of a wrong type or out of its
/// range.
TrainOptions parse_options(TomlTable& table, TrainOptions options = {});

/// "auto", "cpu" or "cuda".
Accelerator parse_accelerator(std::string_view name);

}  // namespace thimble::train
