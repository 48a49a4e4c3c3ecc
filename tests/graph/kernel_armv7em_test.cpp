// The armv7em kernels, here with what their instructions compute in portable C, against the generic ones,
// byte for byte.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "graph/kernel_call.h"
#include "kernel_naive.h"
#include "kernels/armv7em/depthwise_conv2d_plane_s8.h"
#include "kernels/armv7em/fully_connected_rows_s4.h"
#include "kernels/armv7em/fully_connected_rows_s8.h"
#include "kernels/generic/depthwise_conv2d_s8.h"
#include "kernels/generic/fully_connected_s8.h"

namespace thimble {
namespace {

using namespace naive;

/// Scratch that ends at the end of its allocation, which the sanitizers watch.
template <typename Word>
std::vector<Word> scratch_of(int32_t bytes) {
  return std::vector<Word>(static_cast<size_t>(bytes) / sizeof(Word), Word{0x5a5a5a5a});
}

void check_depthwise(const thimble_depthwise_conv2d_parameters& p, Random& random) {
  const auto channels = static_cast<size_t>(p.input_c);
  std::vector<int8_t> input(static_cast<size_t>(p.input_h * p.input_w) * channels);
  std::vector<int8_t> weights(static_cast<size_t>(p.kernel_h * p.kernel_w) * channels);
  std::vector<int32_t> bias(channels), multipliers(channels), shifts(channels);
  for (int8_t& value : input) value = static_cast<int8_t>(random.between(-128, 127));
  for (int8_t& value : weights) value = static_cast<int8_t>(random.between(-128, 127));
  for (int32_t& value : bias) value = random.between(-100000, 100000);
  for (int32_t& value : multipliers) value = random.between(1 << 30, INT32_MAX);
  for (int32_t& value : shifts) value = random.between(-12, -1);
  if (random.below(4) == 0) shifts[0] = -31;
  const int32_t* const some_bias = random.below(4) == 0 ? nullptr : bias.data();
  std::vector<int8_t> expected(static_cast<size_t>(p.output_h * p.output_w) * channels);
  std::vector<int8_t> actual(expected.size());
  thimble_depthwise_conv2d_generic_s8(&p, input.data(), weights.data(), some_bias, multipliers.data(),
                                      shifts.data(), expected.data());
  auto scratch = scratch_of<uint32_t>(thimble_depthwise_conv2d_plane_scratch_bytes(&p));
  thimble_depthwise_conv2d_plane_s8(&p, input.data(), weights.data(), some_bias, multipliers.data(),
                                    shifts.data(), scratch.data(), actual.data());
  RC_ASSERT(actual == expected);
  if (expected.size() != input.size() || p.output_h != p.input_h) return;
  thimble_depthwise_conv2d_plane_s8(&p, input.data(), weights.data(), some_bias, multipliers.data(),
                                    shifts.data(), scratch.data(), input.data());
  RC_ASSERT(input == expected);
}

RC_GTEST_PROP(KernelArmv7em, depthwise_by_planes_is_the_generic_one, (uint64_t seed)) {
  Random random(seed);
  thimble_depthwise_conv2d_parameters p{};
  p.multiplier = p.dilation_h = p.dilation_w = 1;
  p.input_c = random.between(1, 5);
  const bool common = random.below(2) == 0;
  p.kernel_h = common ? 3 : random.between(1, 6), p.kernel_w = common ? 3 : random.between(1, 6);
  p.stride_h = random.between(1, common ? 2 : 3), p.stride_w = random.between(1, common ? 2 : 3);
  p.pad_top = random.between(0, p.kernel_h - 1), p.pad_left = random.between(0, p.kernel_w - 1);
  p.input_h = random.between(1, 9), p.input_w = random.between(1, 9);
  const auto outputs = [&](int32_t extent, int32_t pad, int32_t taps, int32_t stride) {
    return std::max(0, extent + pad + random.between(0, taps - 1) - taps) / stride + 1;
  };
  p.output_h = outputs(p.input_h, p.pad_top, p.kernel_h, p.stride_h);
  p.output_w = outputs(p.input_w, p.pad_left, p.kernel_w, p.stride_w);
  p.input_offset = random.between(-127, 128), p.output_offset = random.between(-128, 127);
  p.output_min = random.below(2) == 0 ? -128 : random.between(-128, 0);
  p.output_max = random.below(2) == 0 ? 127 : random.between(0, 127);
  check_depthwise(p, random);
}

/// The layout that kernels/armv7em/fully_connected_rows.h describes.
std::vector<uint32_t> words_of_rows(const std::vector<int8_t>& weights, int32_t inputs, int32_t outputs,
                                    bool narrow) {
  std::vector<uint32_t> words;
  const auto group = [&](int32_t row, int32_t i) {
    uint32_t bytes = 0;
    for (int32_t k = 0; k < 4 && i + k < inputs; ++k)
      bytes |= uint32_t{static_cast<uint8_t>(weights[static_cast<size_t>(row * inputs + i + k)])} << (8 * k);
    return narrow ? bytes & 0x0f0f0f0fU : bytes;
  };
  for (int32_t o = 0; o < outputs;) {
    const int32_t rows = outputs - o >= 4 ? 4 : 1;
    for (int32_t i = 0; i < inputs; i += narrow ? 8 : 4) {
      for (int32_t k = o; k < o + rows; ++k)
        words.push_back(narrow ? group(k, i) | group(k, i + 4) << 4 : group(k, i));
    }
    o += rows;
  }
  return words;
}

RC_GTEST_PROP(KernelArmv7em, dense_by_rows_is_the_generic_one, (uint64_t seed)) {
  Random random(seed);
  thimble_fully_connected_parameters p{};
  p.rows = random.between(1, 3), p.input_n = random.between(1, 40), p.output_n = random.between(1, 11);
  p.input_offset = random.between(-127, 128), p.output_offset = random.between(-128, 127);
  p.output_min = random.below(2) == 0 ? -128 : random.between(-128, 0);
  p.output_max = random.below(2) == 0 ? 127 : random.between(0, 127);
  const auto outputs = static_cast<size_t>(p.output_n);
  const bool narrow = random.below(2) == 0;
  std::vector<int8_t> input(static_cast<size_t>(p.rows * p.input_n));
  std::vector<int8_t> weights(static_cast<size_t>(p.input_n) * outputs);
  std::vector<int32_t> bias(outputs), multipliers(outputs), shifts(outputs);
  for (int8_t& value : input) value = static_cast<int8_t>(random.between(-128, 127));
  for (int8_t& value : weights)
    value = static_cast<int8_t>(narrow ? random.between(-8, 7) : random.between(-128, 127));
  for (int32_t& value : bias) value = random.between(INT32_MIN, INT32_MAX);
  for (int32_t& value : multipliers) value = random.between(1 << 30, INT32_MAX);
  for (int32_t& value : shifts) value = random.between(-31, 2);
  const int32_t* const some_bias = random.below(4) == 0 ? nullptr : bias.data();
  std::vector<int8_t> expected(static_cast<size_t>(p.rows) * outputs), actual(expected.size());
  thimble_fully_connected_generic_s8(&p, input.data(), weights.data(), some_bias, multipliers.data(),
                                     shifts.data(), expected.data());
  const std::vector<uint32_t> words = words_of_rows(weights, p.input_n, p.output_n, narrow);
  auto scratch = scratch_of<uint32_t>(4 * thimble_fully_connected_rows_scratch(&p));
  const auto kernel = narrow ? thimble_fully_connected_rows_s4 : thimble_fully_connected_rows_s8;
  kernel(&p, input.data(), words.data(), some_bias, multipliers.data(), shifts.data(), scratch.data(),
         actual.data());
  RC_ASSERT(actual == expected);
}

}  // namespace
}  // namespace thimble
