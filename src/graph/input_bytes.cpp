#include "graph/input_bytes.h"

#include <algorithm>
#include <cmath>

namespace thimble {

std::vector<std::byte> input_bytes(const Tensor& input, std::span<const float> values) {
  if (input.type == DataType::kFloat32) return Tensor::to_bytes(values);
  const float scale = input.quantization->scales[0];
  const int32_t zero_point = input.quantization->zero_points[0];
  const bool is_int16 = input.type == DataType::kInt16;
  const int32_t low = input.type == DataType::kUint8 ? 0 : is_int16 ? INT16_MIN : INT8_MIN;
  const int32_t high = low + (is_int16 ? UINT16_MAX : UINT8_MAX);
  std::vector<std::byte> bytes;
  bytes.reserve(input.bytes());
  for (const float value : values) {
    const float steps = std::clamp(std::round(value / scale), -65536.0F, 65536.0F);
    const int32_t integer = std::clamp(static_cast<int32_t>(steps) + zero_point, low, high);
    bytes.push_back(static_cast<std::byte>(integer));
    if (is_int16) bytes.push_back(static_cast<std::byte>(integer >> 8));
  }
  return bytes;
}

}  // namespace thimble
