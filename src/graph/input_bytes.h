#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace thimble {

/// The bytes that an input takes for these values: as they are for float32; for int8 quantized with the
/// input's scale and zero point, rounded half away from zero and saturated, as TensorFlow Lite's Quantize
/// does.
std::vector<std::byte> input_bytes(const Tensor& input, std::span<const float> values);

}  // namespace thimble
