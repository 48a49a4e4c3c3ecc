#include "formats/onnx/layout.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "graph/graph.h"

namespace thimble::onnx {

Axes identity(size_t rank) {
  Axes axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

Axes inverse(const Axes& axes) {
  Axes result(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) result[static_cast<size_t>(axes[i])] = static_cast<int32_t>(i);
  return result;
}

int32_t position_of(const Axes& axes, int32_t axis) {
  return static_cast<int32_t>(std::find(axes.begin(), axes.end(), axis) - axes.begin());
}

Shape permuted(const Shape& shape, const Axes& axes) {
  Shape result;
  for (const int32_t axis : axes) result.push_back(shape[static_cast<size_t>(axis)]);
  return result;
}

std::vector<std::byte> permuted(std::span<const std::byte> data, size_t element_bytes, const Shape& shape,
                                const Axes& axes) {
  std::vector<size_t> source_strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) {
    source_strides[i - 1] = source_strides[i] * static_cast<size_t>(shape[i]);
  }
  const Shape result_shape = permuted(shape, axes);
  std::vector<std::byte> result(element_count(shape) * element_bytes);
  std::vector<int32_t> index(shape.size(), 0);
  size_t source = 0;
  for (size_t target = 0; target < result.size(); target += element_bytes) {
    std::memcpy(result.data() + target, data.data() + source * element_bytes, element_bytes);
    for (size_t i = index.size(); i-- > 0;) {
      const size_t stride = source_strides[static_cast<size_t>(axes[i])];
      source += stride;
      if (++index[i] < result_shape[i]) break;
      source -= stride * static_cast<size_t>(result_shape[i]);
      index[i] = 0;
    }
  }
  return result;
}

bool moves_nothing(const Shape& shape, const Axes& axes) {
  int32_t last = -1;
  for (const int32_t axis : axes) {
    if (shape[static_cast<size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

std::vector<std::byte> unpacked_int4(std::span<const std::byte> packed, size_t elements) {
  std::vector<std::byte> result(elements);
  for (size_t i = 0; i < elements; ++i) {
    const auto pair = std::to_integer<int32_t>(packed[i / 2]);
    const int32_t nibble = i % 2 == 0 ? pair & 15 : pair >> 4;
    result[i] = static_cast<std::byte>(nibble >= 8 ? nibble - 16 : nibble);
  }
  return result;
}

std::vector<std::byte> packed_int4(std::span<const std::byte> unpacked) {
  return thimble::packed_int4({reinterpret_cast<const int8_t*>(unpacked.data()), unpacked.size()});
}

}  // namespace thimble::onnx
