#include "compress/recovery.h"

namespace thimble::compress {

train::TrainOptions recovery_defaults() {
  train::TrainOptions options;
  options.learning_rate = 0.02;
  options.warmup = 0.05;
  return options;
}

Graph recover(const Graph& changed, const Graph& before, const data::Dataset& dataset,
              const train::TrainOptions& options, bool distills, const train::TrainHooks& hooks) {
  train::TrainOptions recovery = options;
  if (distills) recovery.distillation.teachers.push_back(before);
  return train::train(changed, dataset, recovery, hooks);
}

}  // namespace thimble::compress
