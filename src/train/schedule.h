#pragma once

#include <cstdint>

#include "train/options.h"

namespace thimble::train {

/// The learning rate of a step (0-based) of a training of `steps` steps. It is above zero at every step.
double learning_rate_at(const TrainOptions& options, int64_t step, int64_t steps);

/// The momentum of a step of kSgd: the options' own, but for kOneCycle.
double momentum_at(const TrainOptions& options, int64_t step, int64_t steps);

}  // namespace thimble::train
