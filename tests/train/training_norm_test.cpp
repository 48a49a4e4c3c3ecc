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
  float offset;  ///< of the values: far from zero, sums of squares would lose digits
};

Outcome outcome_of(const Case& c, bool together) {
  torch::manual_seed(1);
  const int64_t channels = c.shape.back();
  const BatchNorm op;
  const Tensor x = (torch::randn(c.shape) * 3 + c.offset).requires_grad_();
  const Tensor gamma = torch::rand({channels}).requires_grad_();
  const Tensor beta = torch::randn({channels}).requires_grad_();
  const Tensor residual = torch::randn(c.shape).requires_grad_(c.residual);
  const Tensor mean = torch::randn({channels});
  const Tensor variance = torch::rand({channels});
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
  (y * torch::randn(c.shape)).sum().backward();
  Outcome outcome{y.detach(), {x.grad(), gamma.grad(), beta.grad(), mean, variance}};
  if (c.residual) outcome.rest.push_back(residual.grad());
  return outcome;
}

TEST(TrainingNorm, is_libtorchs_batch_norm_addition_and_activation) {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{8, 16, 16, 16}, {3, 5, 7, 3}, {4, 6, 6, 21}, {2, 1, 1, 8}, {130, 12}}) {
    for (const bool residual : {false, true}) {
      for (const Activation activation : {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
        for (const float offset : {0.0F, 1000.0F}) {
          const Case c{shape, residual, activation, offset};
          const Outcome ours = outcome_of(c, true);
          const Outcome theirs = outcome_of(c, false);
          // libtorch's own float sums are what limits the comparison far from zero.
          const double tolerance = offset == 0 ? 1e-4 : 1e-2;
          EXPECT_TRUE(at::allclose(ours.output, theirs.output, tolerance, tolerance));
          for (size_t i = 0; i < ours.rest.size(); ++i) {
            EXPECT_TRUE(at::allclose(ours.rest[i], theirs.rest[i], tolerance, 10 * tolerance))
                << "result " << i << " of " << c10::IntArrayRef(shape) << " residual " << residual
                << " activation " << static_cast<int>(activation) << " offset " << offset << ", off by "
                << (ours.rest[i] - theirs.rest[i]).abs().max().item<float>();
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace thimble::train
