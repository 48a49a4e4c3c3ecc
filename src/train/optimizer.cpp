#include "train/optimizer.h"

#include <cmath>
#include <utility>

#include "train/schedule.h"

namespace thimble::train {

using torch::Tensor;

ParameterUpdate::ParameterUpdate(std::vector<Tensor> parameters, const TrainOptions& options,
                                 std::vector<double> units)
    : parameters_(std::move(parameters)), options_(options), units_(std::move(units)) {
  const int copies = options_.optimizer == Optimizer::kAdamW ? 2 : 1;
  for (const Tensor& parameter : parameters_) {
    for (int copy = 0; copy < copies; ++copy) state_.push_back(torch::zeros_like(parameter).detach());
  }
}

void ParameterUpdate::step(const std::vector<Tensor>& gradients, int64_t step, int64_t steps) {
  const torch::NoGradGuard no_gradients;
  const double learning_rate = learning_rate_at(options_, step, steps);
  const double momentum = momentum_at(options_, step, steps);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    switch (options_.optimizer) {
      case Optimizer::kSgd:
        step_sgd(i, gradients[i], learning_rate, momentum);
        break;
      case Optimizer::kAdamW:
        step_adamw(i, gradients[i], learning_rate * (i < units_.size() ? units_[i] : 1), step);
        break;
    }
  }
}

void ParameterUpdate::step_sgd(size_t i, const Tensor& gradient, double learning_rate, double momentum) {
  Tensor& parameter = parameters_[i];
  Tensor& velocity = state_[i];
  const Tensor slope = gradient.add(parameter, decay_of(i));
  velocity.mul_(momentum).add_(slope);
  parameter.sub_(slope.add(velocity, momentum), learning_rate);
}

void ParameterUpdate::step_adamw(size_t i, const Tensor& gradient, double learning_rate, int64_t step) {
  constexpr double kBeta1 = 0.9;
  constexpr double kBeta2 = 0.999;
  constexpr double kEpsilon = 1e-8;
  Tensor& parameter = parameters_[i];
  Tensor& mean = state_[2 * i];
  Tensor& square = state_[2 * i + 1];
  mean.mul_(kBeta1).add_(gradient, 1 - kBeta1);
  square.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
  const double steps = static_cast<double>(step + 1);
  const Tensor scale = (square / (1 - std::pow(kBeta2, steps))).sqrt_().add_(kEpsilon);
  parameter.mul_(1 - learning_rate * decay_of(i));
  parameter.addcdiv_(mean, scale, -learning_rate / (1 - std::pow(kBeta1, steps)));
}

void clip_gradients(std::vector<Tensor>& gradients, double limit) {
  double squares = 0;
  for (const Tensor& gradient : gradients) squares += gradient.square().sum().item<double>();
  const double norm = std::sqrt(squares);
  if (norm <= limit) return;
  for (Tensor& gradient : gradients) gradient.mul_(limit / norm);
}

}  // namespace thimble::train
