#include "cli/data_sets.h"

#include <fmt/format.h>

#include <cstdio>

namespace thimble::cli {

const char* name_of(data::Split split) {
  return split == data::Split::kTrain ? "train" : split == data::Split::kTest ? "test" : "validation";
}

data::Split split_named(std::string_view name) {
  return name == "train"  ? data::Split::kTrain
         : name == "test" ? data::Split::kTest
                          : data::Split::kValidation;
}

data::Dataset load_data(const CommonOptions& common, std::string_view name, data::Split split) {
  data::Dataset dataset = data::load(name, split);
  say_note(common, name, dataset);
  return dataset;
}

void say_note(const CommonOptions& common, std::string_view name, const data::Dataset& dataset) {
  if (common.quiet || dataset.note.empty()) return;
  tell(wrapped(fmt::format("{}: {}.", name, dataset.note)) + "\n");
}

}  // namespace thimble::cli
