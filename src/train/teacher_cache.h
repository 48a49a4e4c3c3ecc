#pragma once

#include <functional>
#include <span>

#include "data/dataset.h"
#include "train/options.h"

namespace thimble::train {

/// Fills `logits` (what every teacher says of every sample of the set) from the file distillation.cache when
/// it is of these teachers, this precision and this data; otherwise by `compute`, and writes the file.
/// Without a file's name it computes. A file that is damaged or of other teachers or data is written anew.
void keep_on_disk(const Distillation& distillation, Precision precision, const data::Dataset& dataset,
                  std::span<float> logits, const std::function<void()>& compute);

}  // namespace thimble::train
