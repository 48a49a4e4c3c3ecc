#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "graph/operators.h"

namespace thimble::onnx {

/// An order of axes: axis i of the result is axis [i] of the source.
using Axes = std::vector<int32_t>;

/// ONNX's NCHW from the graph's NHWC, and back; OIHW from OHWI is the same order.
inline const Axes kNchwFromNhwc = {0, 3, 1, 2};
inline const Axes kNhwcFromNchw = {0, 2, 3, 1};
/// ONNX's (O, 1, H, W) from the graph's depthwise (1, H, W, O), and back.
inline const Axes kOihwFromDepthwise = {3, 0, 1, 2};
inline const Axes kDepthwiseFromOihw = {1, 2, 3, 0};

/// 0, 1, 2, ...
Axes identity(size_t rank);

/// The order that undoes `axes`.
Axes inverse(const Axes& axes);

/// Where axis `axis` of the source lies in the result.
int32_t position_of(const Axes& axes, int32_t axis);

Shape permuted(const Shape& shape, const Axes& axes);

/// The elements of a row-major tensor of `shape`, reordered so that the result is row-major with its axes in
/// the order of `axes`. `data` holds element_count(shape) elements of `element_bytes` each.
std::vector<std::byte> permuted(std::span<const std::byte> data, size_t element_bytes, const Shape& shape,
                                const Axes& axes);

/// Whether reordering a tensor of `shape` leaves every element where it is: only axes of extent 1 change
/// places.
bool moves_nothing(const Shape& shape, const Axes& axes);

/// One byte an element from two to a byte (low nibble first, two's complement), and back.
std::vector<std::byte> unpacked_int4(std::span<const std::byte> packed, size_t elements);
std::vector<std::byte> packed_int4(std::span<const std::byte> unpacked);

}  // namespace thimble::onnx
