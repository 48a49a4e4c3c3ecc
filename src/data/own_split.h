#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace thimble::data {

/// "train" or "test"; throws Error naming `where` for another word.
Split parse_split(std::string_view word, std::string_view where);

/// Turns a user's samples into training and test data: by `splits`, one a sample, or where those are empty by
/// drawing 20 % for the test. Sets the normalization of values and the note. `where` names the set in errors.
/// Throws Error when a class has no sample for training or a split has none at all.
TrainAndTest split_own_data(Dataset all, const std::vector<Split>& splits, std::string_view where);

/// Names of classes in the order of their labels: as numbers where all are integers, else by their bytes.
std::vector<std::string> sorted_names(std::vector<std::string> names);

}  // namespace thimble::data
