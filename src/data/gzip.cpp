#include "data/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace thimble::data {
namespace {

constexpr uint64_t kFirstPiece = uint64_t{1} << 20;
constexpr std::string_view kRemedy = "Delete it and run again; it is then fetched anew";

class Inflater {
 public:
  Inflater() {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream, MAX_WBITS + kGzipOnly) != Z_OK) {
      throw Error("zlib", "cannot be started", "Free some memory and run again");
    }
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
};

}  // namespace

std::vector<std::byte> gunzip(std::span<const std::byte> packed, uint64_t limit_bytes,
                              std::string_view where) {
  if (packed.size() > std::numeric_limits<uInt>::max()) {
    throw Error(where, fmt::format("has {} bytes, too many for one gzip file here", packed.size()), kRemedy);
  }
  Inflater inflater;
  z_stream& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());

  // One byte above the limit is room enough to see that the content passes it.
  std::vector<std::byte> content(std::min(kFirstPiece, limit_bytes + 1));
  uint64_t done = 0;
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    if (done == content.size()) content.resize(std::min(2 * done, limit_bytes + 1));
    const auto room =
        static_cast<uInt>(std::min<uint64_t>(content.size() - done, std::numeric_limits<uInt>::max()));
    stream.next_out = reinterpret_cast<Bytef*>(content.data() + done);
    stream.avail_out = room;
    state = inflate(&stream, Z_NO_FLUSH);
    done += room - stream.avail_out;
    if (done > limit_bytes) {
      throw Error(where, fmt::format("unpacks to more than the expected {} bytes", limit_bytes), kRemedy);
    }
    if (state == Z_BUF_ERROR || (state == Z_OK && stream.avail_in == 0 && stream.avail_out != 0)) {
      throw Error(where, "is a gzip file that was cut short", kRemedy);
    }
    if (state != Z_OK && state != Z_STREAM_END) {
      throw Error(
          where,
          fmt::format("is not a sound gzip file ({})", stream.msg != nullptr ? stream.msg : zError(state)),
          kRemedy);
    }
  }
  if (stream.avail_in != 0) {
    throw Error(where, fmt::format("has {} bytes after the end of its gzip stream", stream.avail_in),
                kRemedy);
  }
  content.resize(done);
  return content;
}

}  // namespace thimble::data
