#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace thimble::train {

double learning_rate_at(const TrainOptions& options, int64_t step, int64_t steps) {
  const double warm_steps = options.warmup * static_cast<double>(steps);
  // The middle of the step, so that neither the first nor the last step has a rate of zero.
  const double position = static_cast<double>(step) + 0.5;
  if (position < warm_steps) return options.learning_rate * position / warm_steps;
  if (options.schedule == Schedule::kConstant) return options.learning_rate;
  const double rest = std::max(static_cast<double>(steps) - warm_steps, 1.0);
  const double done = (position - warm_steps) / rest;
  return options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace thimble::train
