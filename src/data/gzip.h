#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace thimble::data {

/// Unpacks one gzip stream (RFC 1952), checksum included. `where` names the file in errors. Throws Error when
/// the stream is damaged, cut short, followed by other bytes or holds more than `limit_bytes`.
std::vector<std::byte> gunzip(std::span<const std::byte> packed, uint64_t limit_bytes,
                              std::string_view where);

}  // namespace thimble::data
