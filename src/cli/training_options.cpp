#include "cli/training_options.h"

#include "base/toml_table.h"
#include "cli/assignments.h"
#include "train/parse_options.h"

namespace thimble::cli {

train::TrainOptions with_assignments(const train::TrainOptions& options,
                                     const std::vector<std::string>& assignments) {
  TomlTable table = TomlTable::parse(toml_of(assignments), "--set");
  const train::TrainOptions result = train::parse_options(table, options);
  table.expect_no_other_keys();
  return result;
}

}  // namespace thimble::cli
