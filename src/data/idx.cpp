#include "data/idx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

#include "base/error.h"

namespace thimble::data {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;
constexpr size_t kMagicBytes = 4;
constexpr size_t kDimensionBytes = 4;

[[noreturn]] void refuse(std::string_view where, std::string_view reason) {
  throw Error(where, reason, "Check that it is the whole, unpacked IDX file that was meant");
}

}  // namespace

Idx decode_idx(std::span<const std::byte> content, size_t rank, std::string_view where) {
  const std::span bytes(reinterpret_cast<const uint8_t*>(content.data()), content.size());
  const size_t header_bytes = kMagicBytes + rank * kDimensionBytes;
  if (bytes.size() < header_bytes) {
    refuse(where, fmt::format("has {} bytes; the header of an IDX file with {} dimensions alone has {}",
                              bytes.size(), rank, header_bytes));
  }
  if (bytes[0] != 0 || bytes[1] != 0) {
    refuse(where,
           fmt::format("is not an IDX file: it starts with bytes {} {} and not 0 0", bytes[0], bytes[1]));
  }
  if (bytes[2] != kUnsignedByte) {
    refuse(where, fmt::format("holds values of IDX type {:#04x}, not unsigned bytes ({:#04x})", bytes[2],
                              kUnsignedByte));
  }
  if (bytes[3] != rank) refuse(where, fmt::format("has {} dimensions, not {}", bytes[3], rank));

  Idx idx;
  const uint64_t payload_bytes = bytes.size() - header_bytes;
  uint64_t expected_bytes = 1;
  for (size_t axis = 0; axis < rank; ++axis) {
    const auto field = bytes.subspan(kMagicBytes + axis * kDimensionBytes, kDimensionBytes);
    const uint32_t size =
        uint32_t{field[0]} << 24 | uint32_t{field[1]} << 16 | uint32_t{field[2]} << 8 | field[3];
    // The product is compared after each factor, so it never exceeds 64 bits: payload times 2^32 at most.
    if (size == 0 || size > std::numeric_limits<int32_t>::max() || (expected_bytes *= size) > payload_bytes) {
      refuse(where, fmt::format("has {} as dimension {}, which its {} bytes of values do not fit", size, axis,
                                payload_bytes));
    }
    idx.shape.push_back(static_cast<int32_t>(size));
  }
  if (expected_bytes != payload_bytes) {
    refuse(where, fmt::format("has {} bytes of values, but its dimensions {} make {}", payload_bytes,
                              fmt::join(idx.shape, " x "), expected_bytes));
  }
  idx.values = bytes.subspan(header_bytes);
  return idx;
}

}  // namespace thimble::data
