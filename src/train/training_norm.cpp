#include "train/training_norm.h"

#include <cmath>

#include "train/norm_kernels.h"

namespace thimble::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Rows of channels.
struct Extent {
  explicit Extent(const Tensor& x)
      : channels(static_cast<size_t>(x.size(-1))), rows(static_cast<size_t>(x.numel()) / channels) {}
  size_t channels;
  size_t rows;
};

float& value(const Tensor& vector, size_t channel) { return vector.data_ptr<float>()[channel]; }

class TrainingNorm : public torch::autograd::Function<TrainingNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& gamma,
                        const Tensor& beta, const c10::optional<Tensor>& residual, const Tensor& running_mean,
                        const Tensor& running_variance, double momentum, double epsilon, int64_t activation) {
    const Tensor x = input.contiguous();
    const Extent extent(x);
    const Tensor mean = torch::empty({static_cast<int64_t>(extent.channels)});
    const Tensor variance = torch::empty_like(mean);
    channel_moments(x.data_ptr<float>(), extent.rows, extent.channels, mean.data_ptr<float>(),
                    variance.data_ptr<float>());
    // Plain loops: a tensor operator on a few channels costs more than its arithmetic.
    const Tensor inverse = torch::empty_like(mean);
    const Tensor scale = torch::empty_like(mean);
    const Tensor shift = torch::empty_like(mean);
    const auto rows = static_cast<double>(extent.rows);
    for (size_t c = 0; c < extent.channels; ++c) {
      const double m = value(mean, c);
      const double v = value(variance, c);
      value(running_mean, c) = static_cast<float>((1 - momentum) * value(running_mean, c) + momentum * m);
      value(running_variance, c) =
          static_cast<float>((1 - momentum) * value(running_variance, c) + momentum * v * rows / (rows - 1));
      const double root = 1 / std::sqrt(v + epsilon);
      value(inverse, c) = static_cast<float>(root);
      value(scale, c) = static_cast<float>(value(gamma, c) * root);
      value(shift, c) = static_cast<float>(value(beta, c) - m * value(gamma, c) * root);
    }
    const Tensor added = residual ? residual->contiguous() : Tensor();
    const Tensor y = torch::empty_like(x);
    scale_shift(x.data_ptr<float>(), scale.data_ptr<float>(), shift.data_ptr<float>(),
                added.defined() ? added.data_ptr<float>() : nullptr, static_cast<Activation>(activation),
                extent.rows, extent.channels, y.data_ptr<float>());

    context->save_for_backward({x, y, scale, mean, inverse});
    context->saved_data["activation"] = activation;
    context->saved_data["residual"] = residual.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& y = saved[1];
    const Tensor& scale = saved[2];
    const Tensor& mean = saved[3];
    const Tensor& inverse = saved[4];
    const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
    const bool has_residual = context->saved_data["residual"].toBool();
    const Tensor dy = gradients[0].contiguous();
    const Extent extent(x);

    const Tensor sum = torch::empty_like(mean);
    const Tensor product_sum = torch::empty_like(mean);
    Tensor dz;
    if (has_residual) dz = activation == Activation::kNone ? dy : torch::empty_like(x);
    const bool writes = has_residual && activation != Activation::kNone;
    slope_sums(x.data_ptr<float>(), y.data_ptr<float>(), dy.data_ptr<float>(), mean.data_ptr<float>(),
               activation, extent.rows, extent.channels, sum.data_ptr<float>(), product_sum.data_ptr<float>(),
               writes ? dz.data_ptr<float>() : nullptr);

    // d/dx of (x - mean) * inverse with mean and inverse functions of x (Ioffe and Szegedy, ICML 2015).
    const Tensor slope = torch::empty_like(mean);
    const Tensor shift = torch::empty_like(mean);
    const Tensor dgamma = torch::empty_like(mean);
    for (size_t c = 0; c < extent.channels; ++c) {
      const double per_row = value(scale, c) / static_cast<double>(extent.rows);
      value(dgamma, c) = value(product_sum, c) * value(inverse, c);
      value(slope, c) = static_cast<float>(-per_row * value(inverse, c) * value(dgamma, c));
      value(shift, c) = static_cast<float>(-per_row * value(sum, c));
    }
    const Tensor dx = torch::empty_like(x);
    const Tensor& slopes = writes ? dz : dy;
    combine_slopes(x.data_ptr<float>(), y.data_ptr<float>(), slopes.data_ptr<float>(), mean.data_ptr<float>(),
                   scale.data_ptr<float>(), slope.data_ptr<float>(), shift.data_ptr<float>(),
                   writes ? Activation::kNone : activation, extent.rows, extent.channels,
                   dx.data_ptr<float>());
    return {dx, dgamma, sum, dz, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor training_norm(const BatchNorm& op, std::span<const Tensor> inputs, const Tensor& residual,
                     Activation activation, double momentum) {
  const c10::optional<Tensor> added = residual.defined() ? c10::make_optional(residual) : c10::nullopt;
  return TrainingNorm::apply(inputs[0], inputs[1], inputs[2], added, inputs[3], inputs[4], momentum,
                             static_cast<double>(op.epsilon), static_cast<int64_t>(activation));
}

}  // namespace thimble::train
