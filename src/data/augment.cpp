#include "data/augment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace thimble::data {
namespace {

struct Extents {
  int32_t height, width, channels;
};

Extents extents_of(const Dataset& dataset) {
  return {dataset.sample_shape[0], dataset.sample_shape[1], dataset.sample_shape[2]};
}

/// The pixel that lies at `i` when an axis of `extent` pixels is mirrored at its ends.
int32_t mirrored(int32_t i, int32_t extent) {
  if (i < 0) return -i;
  return i < extent ? i : 2 * (extent - 1) - i;
}

void move_image(std::span<float> values, Extents e, int32_t dy, int32_t dx, bool flip) {
  if (dy == 0 && dx == 0 && !flip) return;
  const std::vector<float> source(values.begin(), values.end());
  float* to = values.data();
  for (int32_t y = 0; y < e.height; ++y) {
    const float* row = source.data() + static_cast<size_t>(mirrored(y - dy, e.height)) * e.width * e.channels;
    for (int32_t x = 0; x < e.width; ++x) {
      const int32_t column = mirrored(x - dx, e.width);
      to = std::copy_n(row + (flip ? e.width - 1 - column : column) * e.channels, e.channels, to);
    }
  }
}

void cut_out(std::span<float> values, Extents e, int32_t side, Random& random) {
  std::vector<double> mean(static_cast<size_t>(e.channels), 0);
  for (size_t i = 0; i < values.size(); ++i) mean[i % mean.size()] += values[i];
  for (double& value : mean) value /= e.height * e.width;
  const int32_t top = random.between(0, e.height - 1) - side / 2;
  const int32_t left = random.between(0, e.width - 1) - side / 2;
  for (int32_t y = std::max(top, 0); y < std::min(top + side, e.height); ++y) {
    for (int32_t x = std::max(left, 0); x < std::min(left + side, e.width); ++x) {
      std::copy(mean.begin(), mean.end(), values.begin() + (y * e.width + x) * e.channels);
    }
  }
}

/// Samples the signal anew at moments that run slower and faster along two random waves, from end to end.
void warp_time(std::span<float> values, Extents e, double part, Random& random) {
  const std::vector<float> source(values.begin(), values.end());
  const double phase[] = {random.uniform(), random.uniform()};
  const double depth = part * random.uniform() / 2;
  std::vector<double> moment(static_cast<size_t>(e.width), 0);
  for (int32_t t = 1; t < e.width; ++t) {
    double speed = 1;
    for (int wave = 1; wave <= 2; ++wave) {
      const double turn = wave * static_cast<double>(t) / e.width + phase[wave - 1];
      speed += depth * std::sin(2 * std::numbers::pi * turn);
    }
    moment[t] = moment[t - 1] + speed;
  }
  const double scale = (e.width - 1) / moment.back();
  for (int32_t t = 0; t < e.width; ++t) {
    const double at = std::clamp(moment[t] * scale, 0.0, static_cast<double>(e.width - 1));
    const auto before = std::min(static_cast<int32_t>(at), e.width - 2);
    const auto rest = static_cast<float>(at - before);
    const float* from = source.data() + static_cast<size_t>(before) * e.channels;
    for (int32_t c = 0; c < e.channels; ++c) {
      values[static_cast<size_t>(t * e.channels + c)] = from[c] * (1 - rest) + from[c + e.channels] * rest;
    }
  }
}

/// A number of mean 0 and variance 1, almost normal: the sum of four uniform ones, at a tenth of the cost.
float draw_noise(Random& random) {
  const uint64_t bits = random.bits();
  const auto sum =
      static_cast<int32_t>((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
  constexpr int32_t kMean = 4 * 0xffff / 2;
  constexpr float kDeviation = 37837.2F;  // sqrt(4 / 12) of 2^16
  return static_cast<float>(sum - kMean) / kDeviation;
}

using Matrix3 = std::array<std::array<double, 3>, 3>;

/// A rotation by up to `degrees` around an axis of any direction (Rodrigues' formula).
Matrix3 draw_rotation(double degrees, Random& random) {
  std::array<double, 3> axis = {random.normal(), random.normal(), random.normal()};
  const double length = std::max(std::hypot(axis[0], axis[1], axis[2]), 1e-9);
  for (double& value : axis) value /= length;
  const double angle = random.uniform() * degrees * std::numbers::pi / 180;
  const double c = std::cos(angle);
  const double s = std::sin(angle);
  const auto [x, y, z] = axis;
  return {{{c + x * x * (1 - c), x * y * (1 - c) - z * s, x * z * (1 - c) + y * s},
           {y * x * (1 - c) + z * s, c + y * y * (1 - c), y * z * (1 - c) - x * s},
           {z * x * (1 - c) - y * s, z * y * (1 - c) + x * s, c + z * z * (1 - c)}}};
}

/// Turns each three channels in their own units: the normalization is undone before and done after.
void rotate(std::span<float> values, const Dataset& dataset, double degrees, Random& random) {
  const Matrix3 turn = draw_rotation(degrees, random);
  const std::vector<double>& mean = dataset.normalization.mean;
  // A channel that never changed in training is centred only (read_sample).
  std::vector<double> scale = dataset.normalization.standard_deviation;
  std::ranges::replace(scale, 0.0, 1.0);
  const Extents e = extents_of(dataset);
  for (int32_t t = 0; t < e.width; ++t) {
    for (int32_t c = 0; c < e.channels; c += 3) {
      float* v = values.data() + t * e.channels + c;
      std::array<double, 3> raw;
      for (int k = 0; k < 3; ++k) raw[k] = v[k] * scale[c + k] + mean[c + k];
      for (int k = 0; k < 3; ++k) {
        const double turned = turn[k][0] * raw[0] + turn[k][1] * raw[1] + turn[k][2] * raw[2];
        v[k] = static_cast<float>((turned - mean[c + k]) / scale[c + k]);
      }
    }
  }
}

}  // namespace

void check(const Augmentation& a, const Dataset& dataset) {
  const auto refuse = [](std::string_view option, std::string_view reason, std::string_view remedy) {
    throw Error(fmt::format("Augmentation '{}'", option), reason, remedy);
  };
  const auto in_range = [&](std::string_view option, double value, double most) {
    if (!(value >= 0 && value <= most)) {
      refuse(option, fmt::format("is {}, outside 0 to {}", value, most), "Take a value inside, 0 is off");
    }
  };
  in_range("mixup", a.mixup, 10);
  in_range("jitter", a.jitter, 10);
  in_range("scaling", a.scaling, 1);
  in_range("rotation", a.rotation, 180);
  in_range("time_warp", a.time_warp, 0.9);
  const bool of_images = a.shift != 0 || a.flip || a.cutout != 0;
  const bool of_signals = a.jitter != 0 || a.scaling != 0 || a.rotation != 0 || a.time_warp != 0;
  if (!of_images && !of_signals) return;
  if (dataset.sample_shape.size() != 3) {
    refuse(of_images ? "shift, flip, cutout" : "jitter, scaling, rotation, time_warp",
           fmt::format("is for images and signals, {} has neither", dataset.name), "Leave it out");
  }
  const Extents e = extents_of(dataset);
  if (of_images) {
    if (e.height == 1) refuse("shift, flip, cutout", "is for images, this set has signals", "Leave it out");
    in_range("shift", a.shift, std::min(e.height, e.width) - 1);
    in_range("cutout", a.cutout, std::min(e.height, e.width));
  }
  if (of_signals) {
    if (e.height != 1 || e.width < 2) {
      refuse("jitter, scaling, rotation, time_warp", "is for signals, this set has images", "Leave it out");
    }
    if (a.rotation > 0 && e.channels % 3 != 0) {
      refuse("rotation", fmt::format("takes channels by three (x, y, z), this set has {}", e.channels),
             "Leave it out");
    }
  }
}

void augment(const Augmentation& a, const Dataset& dataset, Random random, std::span<float> values) {
  const Extents e = extents_of(dataset);
  if (a.shift > 0 || a.flip) {
    const int32_t dy = random.between(-a.shift, a.shift);
    const int32_t dx = random.between(-a.shift, a.shift);
    move_image(values, e, dy, dx, a.flip && random.below(2) == 1);
  }
  if (a.cutout > 0) cut_out(values, e, a.cutout, random);
  if (a.time_warp > 0) warp_time(values, e, a.time_warp, random);
  if (a.rotation > 0) rotate(values, dataset, a.rotation, random);
  if (a.scaling > 0) {
    std::vector<float> factor(static_cast<size_t>(e.channels));
    for (float& f : factor) f = static_cast<float>(1 + a.scaling * random.normal());
    for (size_t i = 0; i < values.size(); ++i) values[i] *= factor[i % factor.size()];
  }
  if (a.jitter > 0) {
    for (float& value : values) value += static_cast<float>(a.jitter) * draw_noise(random);
  }
}

double draw_beta(double alpha, Random& random) {
  // The ratio of two numbers of the Gamma(alpha) distribution, each drawn as Marsaglia and Tsang do (ACM
  // TOMS, 2000).
  const auto draw_gamma = [&] {
    const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3;
    const double c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double x = random.normal();
      const double v = std::pow(1 + c * x, 3);
      const double u = 1 - random.uniform();
      if (v <= 0 || std::log(u) >= 0.5 * x * x + d - d * v + d * std::log(v)) continue;
      return alpha < 1 ? d * v * std::pow(1 - random.uniform(), 1 / alpha) : d * v;
    }
  };
  const double one = draw_gamma();
  const double other = draw_gamma();
  return one + other > 0 ? one / (one + other) : 0.5;
}

}  // namespace thimble::data
