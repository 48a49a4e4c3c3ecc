#include "train/training_norm.h"

#include <gtest/gtest.h>

namespace thimble::train {
namespace {

using torch::Tensor;

/// What comes out of a norm and what it and its gradients leave behind, in one order.
struct Outcome {
  Tensor output;
  std::vector<Tensor> rest;
};

struct Case {
  std::vector<int64_t> shape;
  bool residual;
  Activation activation;
  float offset;  ///< of the values: far from zero, sums of squares lose digits
};

/// Together by ours in float32, or one by one by libtorch in float64.
Outcome outcome_of(const Case& c, bool together) {
  torch::manual_seed(1);
  const int64_t channels = c.shape.back();
  const BatchNorm op;
  const auto drawn = [&](const Tensor& values, bool learns) {
    return values.to(together ? torch::kFloat32 : torch::kFloat64).requires_grad_(learns);
  };
  const Tensor x = drawn(torch::randn(c.shape) * 3 + c.offset, true);
  const Tensor gamma = drawn(torch::rand({channels}), true);
  const Tensor beta = drawn(torch::randn({channels}), true);
  const Tensor residual = drawn(torch::randn(c.shape), c.residual);
  const Tensor mean = drawn(torch::randn({channels}), false);
  const Tensor variance = drawn(torch::rand({channels}), false);
  const Tensor slope = drawn(torch::randn(c.shape), false);
  Tensor y;
  if (together) {
    const Tensor inputs[] = {x, gamma, beta, mean, variance};
    y = training_norm(op, inputs, c.residual ? residual : Tensor(), c.activation, 0.1);
  } else {
    const Tensor rows = x.reshape({-1, channels});
    y = at::batch_norm(rows, gamma, beta, mean, variance, true, 0.1, op.epsilon, false).reshape(c.shape);
    if (c.residual) y = y + residual;
    if (c.activation == Activation::kRelu) y = at::relu(y);
    if (c.activation == Activation::kRelu6) y = at::clamp(y, 0, 6);
  }
  (y * slope).sum().backward();
  Outcome outcome{y.detach(), {x.grad(), gamma.grad(), beta.grad(), mean, variance}};
  if (c.residual) outcome.rest.push_back(residual.grad());
  return outcome;
}

TEST(TrainingNorm, is_libtorchs_batch_norm_addition_and_activation) {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{8, 16, 16, 16}, {3, 5, 7, 3}, {4, 6, 6, 21}, {2, 1, 1, 8}, {130, 12}}) {
    for (const bool residual : {false, true}) {
      for (const Activation activation : {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
        for (const float offset : {0.0F, 30.0F}) {
          const Case c{shape, residual, activation, offset};
          const Outcome ours = outcome_of(c, true);
          const Outcome theirs = outcome_of(c, false);
          EXPECT_TRUE(at::allclose(ours.output.to(torch::kFloat64), theirs.output, 1e-4, 1e-4));
          for (size_t i = 0; i < ours.rest.size(); ++i) {
            const Tensor result = ours.rest[i].to(torch::kFloat64);
            EXPECT_TRUE(at::allclose(result, theirs.rest[i], 1e-3, 1e-3))
                << "result " << i << " of " << c10::IntArrayRef(shape) << ", residual " << residual
                << ", activation " << static_cast<int>(activation) << ", offset " << offset << ": off by "
                << (result - theirs.rest[i]).abs().max().item<double>();
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace thimble::train
