#include "train/fake_quantize.h"

#include <cmath>

#include "train/fake_quantize_kernels.h"

namespace thimble::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Rows of values, each with its scale, on the CPU.
class FakeQuantize : public torch::autograd::Function<FakeQuantize> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& scales, double lowest,
                        double highest, double slope_factor) {
    context->save_for_backward({x, scales});
    context->saved_data["lowest"] = lowest;
    context->saved_data["highest"] = highest;
    context->saved_data["slope_factor"] = slope_factor;
    Tensor y = torch::empty_like(x);
    for_rows(x, scales, [&](size_t first, size_t count, float scale, int64_t) {
      round_to_steps(x.data_ptr<float>() + first, count, scale, static_cast<float>(lowest),
                     static_cast<float>(highest), y.data_ptr<float>() + first);
    });
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const auto lowest = static_cast<float>(context->saved_data["lowest"].toDouble());
    const auto highest = static_cast<float>(context->saved_data["highest"].toDouble());
    const double slope_factor = context->saved_data["slope_factor"].toDouble();
    const Tensor dy = gradients[0].contiguous();
    const Tensor dx = torch::empty_like(x);
    const Tensor dscales = torch::empty_like(saved[1]);
    for_rows(x, saved[1], [&](size_t first, size_t count, float scale, int64_t row) {
      const double slope = round_to_steps_slopes(x.data_ptr<float>() + first, dy.data_ptr<float>() + first,
                                                 count, scale, lowest, highest, dx.data_ptr<float>() + first);
      dscales.data_ptr<float>()[row] = static_cast<float>(slope * slope_factor);
    });
    return {dx, dscales, Tensor(), Tensor(), Tensor()};
  }

 private:
  template <typename Body>
  static void for_rows(const Tensor& x, const Tensor& scales, Body&& body) {
    const int64_t rows = scales.numel();
    const auto count = static_cast<size_t>(x.numel() / rows);
    for (int64_t row = 0; row < rows; ++row) {
      const float scale = std::max(scales.data_ptr<float>()[row], kSmallestScale);
      body(static_cast<size_t>(row) * count, count, scale, row);
    }
  }
};

/// The same of libtorch's operators, for other devices and types.
Tensor compose(const Tensor& x, const Tensor& scales, double lowest, double highest, double slope_factor) {
  const Tensor slowed = (scales - scales * slope_factor).detach() + scales * slope_factor;
  const Tensor scale = slowed.clamp_min(kSmallestScale).reshape({-1, 1}).to(x.scalar_type());
  const Tensor steps = (x.reshape({scales.numel(), -1}) / scale).clamp(lowest, highest);
  const Tensor whole = steps + (steps.round() - steps).detach();
  return (whole * scale).reshape(x.sizes());
}

}  // namespace

Tensor fake_quantize(const Tensor& x, const Tensor& scales, const FakeQuantizer& quantizer, bool is_batch) {
  const bool by_last_axis = quantizer.axis > 0;
  // Each scale's values in a row.
  const Tensor rows = (by_last_axis ? x.reshape({-1, x.size(-1)}).transpose(0, 1) : x).contiguous();
  const int64_t sharing = x.numel() / (is_batch ? x.size(0) : scales.numel());
  // Of what is never positive the highest is 0.
  const int32_t reach = std::max(quantizer.highest, -quantizer.lowest);
  const double slope_factor = 1 / std::sqrt(static_cast<double>(sharing) * reach);
  const bool direct = x.is_cpu() && x.scalar_type() == torch::kFloat32;
  const Tensor result =
      direct ? FakeQuantize::apply(rows, scales, quantizer.lowest, quantizer.highest, slope_factor)
             : compose(rows, scales, quantizer.lowest, quantizer.highest, slope_factor);
  return by_last_axis ? result.transpose(0, 1).reshape(x.sizes()) : result;
}

}  // namespace thimble::train
