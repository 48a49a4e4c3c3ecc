#pragma once

#include "base/toml_table.h"
#include "compress/quantize/quantize.h"

namespace thimble::pipeline {

/// The options of quantization in a table of a recipe (docs/recipes.md lists the keys); with method = "qat",
/// those of training too. Throws Error with the line for a value of a wrong type or out of its range, and for
/// keys that do not belong together.
quantize::Options parse_quantize(TomlTable& table);

/// One seed for the calibration samples and the training.
void set_seed(quantize::Options& options, uint64_t seed);

}  // namespace thimble::pipeline
