#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace thimble::data {

struct ValidationOptions {
  double fraction = 0.1;        ///< of the samples of every class, in (0, 1): for a set without groups
  double group_fraction = 0.2;  ///< of the groups, in (0, 1): people differ more than one person's samples do
  uint64_t seed = 1;
  std::string_view purpose = "validation";  ///< what the part that is taken out is called in errors
};

/// Indices of a training set, each part in ascending order; together they are all of it.
struct ValidationIndices {
  std::vector<size_t> training;
  std::vector<size_t> validation;
};

/// Which samples of a training set are for validation. Of a set with groups whole groups are taken, at least
/// one, so that nobody is in both parts; of another, `fraction` of every class's samples, rounded to the
/// nearest, at least one where a class has two or more. The same set and options give the same indices on
/// every machine. Throws Error when the set is too small: a single group, or a class that only the validation
/// part would have.
ValidationIndices validation_indices(const Dataset& training, const ValidationOptions& options = {});

struct TrainingAndValidation {
  Dataset training;
  Dataset validation;
};

/// Splits a training set by validation_indices. The samples that stay are moved within the set's own storage
/// and only those for validation are copied, so no second copy of the whole is ever held. Both parts keep the
/// normalization of the whole: what a network sees of a sample must not depend on the part it is in, and the
/// official training data is the largest that no test sample is in.
TrainingAndValidation split_validation(Dataset training, const ValidationOptions& options = {});

/// Splits a set at given indices, as split_validation does.
TrainingAndValidation split_at(Dataset set, const ValidationIndices& indices);

/// The samples at `indices`, in that order, copied.
Dataset take_samples(const Dataset& dataset, const std::vector<size_t>& indices, Split split);

}  // namespace thimble::data
