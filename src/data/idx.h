#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace thimble::data {

/// The content of an IDX file of unsigned bytes.
struct Idx {
  std::vector<int32_t> shape;       ///< (N, H, W) of images, (N) of labels
  std::span<const uint8_t> values;  ///< a view of the decoded content
};

/// Decodes an IDX file (the format of the MNIST site: two zero bytes, a type byte, the rank, a big-endian
/// 32-bit size for each dimension, the values) of unsigned bytes with `rank` dimensions. `where` names the
/// file in errors. Throws Error for any other magic number, type or rank, for an empty dimension, and unless
/// the length is exactly what the dimensions say.
Idx decode_idx(std::span<const std::byte> content, size_t rank, std::string_view where);

}  // namespace thimble::data
