#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "train/options.h"

namespace thimble::train {

/// Changes parameters along their gradients, by the rule that the options name.
class ParameterUpdate {
 public:
  /// kAdamW changes a parameter by up to the rate a step, whatever its gradient: times its unit, where there
  /// is one, for what is small by nature.
  ParameterUpdate(std::vector<torch::Tensor> parameters, const TrainOptions& options,
                  std::vector<double> units = {});

  /// Step `step` (0-based) of `steps`, at the rate and momentum of the schedule; gradients[i] belongs to
  /// parameter i.
  void step(const std::vector<torch::Tensor>& gradients, int64_t step, int64_t steps);

  /// What it remembers from step to step: written to checkpoints, restored in place.
  const std::vector<torch::Tensor>& state() const { return state_; }

 private:
  void step_sgd(size_t i, const torch::Tensor& gradient, double learning_rate, double momentum);
  void step_adamw(size_t i, const torch::Tensor& gradient, double learning_rate, int64_t step);
  /// Weights decay; biases and the vectors of batch norms, which have one axis, do not.
  double decay_of(size_t i) const { return parameters_[i].dim() > 1 ? options_.weight_decay : 0; }

  std::vector<torch::Tensor> parameters_;
  TrainOptions options_;
  std::vector<double> units_;         ///< by parameter; 1 for those beyond
  std::vector<torch::Tensor> state_;  ///< one tensor a parameter for kSgd, two for kAdamW
};

/// Scales gradients so that the norm of all together is at most `limit`.
void clip_gradients(std::vector<torch::Tensor>& gradients, double limit);

}  // namespace thimble::train
