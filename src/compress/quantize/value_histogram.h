#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/quantize_from_ranges.h"

namespace thimble::quantize {

/// How often values occurred, in one pass and whatever their magnitude: they are counted by the upper 16 bits
/// of their float32 form (sign, exponent, 7 bits of the mantissa), so a bin is at most 1/128 of its values
/// wide and an outlier cannot make the others share a bin.
class ValueHistogram {
 public:
  /// Values that lie evenly in [low, high]; all of them at `low` where the two are equal.
  struct Bin {
    double low = 0;
    double high = 0;
    double count = 0;
  };

  ValueHistogram();

  /// The values must be finite.
  void add(std::span<const float> values);

  /// The bins that are not empty, ascending; zero has one of its own, and the outermost end where the values
  /// do.
  std::vector<Bin> bins() const;

 private:
  std::vector<uint64_t> counts_;
  Range range_;
};

}  // namespace thimble::quantize
