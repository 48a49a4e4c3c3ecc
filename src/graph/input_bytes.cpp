#include "graph/input_bytes.h"

#include <algorithm>
#include <cmath>

namespace thimble {

std::vector<std::byte> input_bytes(const Tensor& input, std::span<const float> values) {
  if (input.type == DataType::kFloat32) return Tensor::to_bytes(values);
  const float scale = input.quantization->scales[0];
  const int32_t zero_point = input.quantization->zero_points[0];
  const int32_t low = input.type == DataType::kUint8 ? 0 : -128;
  std::vector<std::byte> bytes;
  bytes.reserve(values.size());
  for (const float value : values) {
    const float steps = std::clamp(std::round(value / scale), -512.0F, 512.0F);
    bytes.push_back(
        static_cast<std::byte>(std::clamp(static_cast<int32_t>(steps) + zero_point, low, low + 255)));
  }
  return bytes;
}

}  // namespace thimble
