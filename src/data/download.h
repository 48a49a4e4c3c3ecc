#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace thimble::data {

struct DownloadOptions {
  uint64_t limit_bytes = 0;     ///< more than that is refused
  double timeout_s = 600;       ///< for all tries together
  double stall_timeout_s = 30;  ///< a connection that brings nothing for so long is given up
  int tries = 4;                ///< after a break, the next try goes on where the last one stopped
};

/// Fetches a URL (http or https, redirects followed) into memory, so that an interrupted download leaves
/// nothing on disk. Throws Error with the URL and the reason.
std::vector<std::byte> download(const std::string& url, const DownloadOptions& options);

}  // namespace thimble::data
