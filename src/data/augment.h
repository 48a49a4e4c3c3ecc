#pragma once

#include <span>

#include "base/random.h"
#include "data/dataset.h"

namespace thimble::data {

/// How training samples are varied, each time they are seen. What is 0 or false is not done. Image sets take
/// the first three, signal sets ((1, time, channels)) the last four, either takes mixup.
struct Augmentation {
  int shift = 0;         ///< images move by up to this many pixels each way; the border is mirrored
  bool flip = false;     ///< images are mirrored left to right, half of the time
  int cutout = 0;        ///< the side of a square, in pixels, that takes the image's mean (DeVries, 2017)
  double mixup = 0;      ///< alpha of the Beta distribution that pairs of samples mix by (Zhang, ICLR 2018)
  double jitter = 0;     ///< standard deviation of added noise, in those of the channel (Um, ICMI 2017)
  double scaling = 0;    ///< standard deviation of each channel's factor around 1
  double rotation = 0;   ///< degrees up to which each three channels (x, y, z) turn, all by one rotation
  double time_warp = 0;  ///< part by which the speed of time varies, smoothly, up or down

  bool any() const { return *this != Augmentation{}; }
  bool operator==(const Augmentation&) const = default;
};

/// Throws Error naming the option when one is out of its range or does not suit the set's samples.
void check(const Augmentation& augmentation, const Dataset& dataset);

/// Varies one sample of the set in place, as all options but mixup say; `values` are what a network sees.
/// What happens depends on `random` alone.
void augment(const Augmentation& augmentation, const Dataset& dataset, Random random,
             std::span<float> values);

/// A number of the Beta(alpha, alpha) distribution.
double draw_beta(double alpha, Random& random);

}  // namespace thimble::data
