#include "compress/quantize/value_histogram.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace thimble::quantize {
namespace {

constexpr uint32_t kKeys = 1 << 16;
constexpr uint32_t kSign = kKeys / 2;

/// The value whose upper 16 bits are `key` and whose lower ones are zero.
double value_at(uint32_t key) { return std::bit_cast<float>(key << 16); }

}  // namespace

ValueHistogram::ValueHistogram()
    : counts_(kKeys), range_{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()} {}

void ValueHistogram::add(std::span<const float> values) {
  for (const float value : values) {
    ++counts_[std::bit_cast<uint32_t>(value) >> 16];
    range_.low = std::min(range_.low, value);
    range_.high = std::max(range_.high, value);
  }
}

std::vector<ValueHistogram::Bin> ValueHistogram::bins() const {
  std::vector<Bin> bins;
  const auto add = [&](double low, double high, uint64_t count) {
    if (count == 0) return;
    bins.push_back(
        {std::max(low, double{range_.low}), std::min(high, double{range_.high}), static_cast<double>(count)});
  };
  // The largest magnitude comes first among negative values. The last exponent is that of infinity.
  constexpr uint32_t kInfinity = 0x7F80;
  for (uint32_t key = kInfinity - 1; key > 0; --key) {
    const double inner = value_at(key);
    const double outer = key + 1 == kInfinity ? double{std::numeric_limits<float>::max()} : value_at(key + 1);
    add(-outer, -inner, counts_[kSign + key]);
  }
  if (const uint64_t zeros = counts_[0] + counts_[kSign]; zeros > 0) {
    bins.push_back({0, 0, static_cast<double>(zeros)});
  }
  for (uint32_t key = 1; key < kInfinity; ++key) {
    const double outer = key + 1 == kInfinity ? double{std::numeric_limits<float>::max()} : value_at(key + 1);
    add(value_at(key), outer, counts_[key]);
  }
  return bins;
}

}  // namespace thimble::quantize
