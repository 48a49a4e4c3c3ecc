#pragma once

#include <string_view>

#include "cli/common.h"
#include "data/dataset.h"

namespace thimble::cli {

const char* name_of(data::Split split);
/// "train", "validation" or "test".
data::Split split_named(std::string_view name);

/// A split of a data set by name or path; what a person should know of how it was read goes to standard
/// error.
data::Dataset load_data(const CommonOptions& common, std::string_view name, data::Split split);

/// Says what a person should know of how a set was read, unless --quiet.
void say_note(const CommonOptions& common, std::string_view name, const data::Dataset& dataset);

}  // namespace thimble::cli
