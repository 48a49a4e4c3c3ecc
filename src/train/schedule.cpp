#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace thimble::train {

namespace {

/// How far the rate is on its way up to its peak and, after it, down again, both from 0 to 1.
struct Position {
  double up = 1;
  double down = 0;
};

Position position_of(const TrainOptions& options, int64_t step, int64_t steps) {
  const double warm_steps = options.warmup * static_cast<double>(steps);
  // The middle of the step, so that neither the first nor the last step has a rate of zero.
  const double position = static_cast<double>(step) + 0.5;
  if (position < warm_steps) return {.up = position / warm_steps};
  const double rest = std::max(static_cast<double>(steps) - warm_steps, 1.0);
  return {.down = (position - warm_steps) / rest};
}

}  // namespace

double learning_rate_at(const TrainOptions& options, int64_t step, int64_t steps) {
  const auto [up, down] = position_of(options, step, steps);
  if (up < 1) return options.learning_rate * up;
  switch (options.schedule) {
    case Schedule::kConstant:
      return options.learning_rate;
    case Schedule::kCosine:
      return options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * down));
    case Schedule::kOneCycle:
      return options.learning_rate * (1 - down);
  }
  return options.learning_rate;
}

double momentum_at(const TrainOptions& options, int64_t step, int64_t steps) {
  if (options.schedule != Schedule::kOneCycle) return options.momentum;
  constexpr double kSwing = 0.05;
  const auto [up, down] = position_of(options, step, steps);
  const double height = up < 1 ? up : 1 - down;
  return std::clamp(options.momentum + kSwing * (1 - 2 * height), 0.0, 0.99);
}

}  // namespace thimble::train
