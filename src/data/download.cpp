#include "data/download.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string_view>

#include "base/error.h"

namespace thimble::data {
namespace {

struct Received {
  std::vector<std::byte> content;
  uint64_t limit_bytes;
  bool too_long = false;
};

size_t append(char* data, size_t, size_t bytes, void* user) {
  auto& received = *static_cast<Received*>(user);
  received.too_long = bytes > received.limit_bytes - received.content.size();
  if (received.too_long) return 0;  // which makes libcurl stop
  const auto* first = reinterpret_cast<const std::byte*>(data);
  received.content.insert(received.content.end(), first, first + bytes);
  return bytes;
}

/// A break that another try may get over, unlike a wrong name or a refusal.
bool worth_another_try(CURLcode code) {
  switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_RANGE_ERROR:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::vector<std::byte> download(const std::string& url, const DownloadOptions& options) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> owner(curl_easy_init(), curl_easy_cleanup);
  CURL* handle = owner.get();
  if (global != CURLE_OK || handle == nullptr) {
    throw Error("libcurl", "cannot be started", "Check its installation: apt-get install libcurl4");
  }
  Received received{{}, options.limit_bytes};
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, 15L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(options.stall_timeout_s)));
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &received);

  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  CURLcode code = CURLE_OPERATION_TIMEDOUT;
  for (int attempt = 0; attempt < options.tries; ++attempt) {
    const double left_s = options.timeout_s - std::chrono::duration<double>(Clock::now() - started).count();
    if (left_s <= 0) break;
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(left_s * 1000)));
    curl_easy_setopt(handle, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(received.content.size()));
    code = curl_easy_perform(handle);
    if (code == CURLE_OK) return std::move(received.content);
    // The server sends no ranges: from the beginning, then.
    if (code == CURLE_RANGE_ERROR) received.content.clear();
    if (!worth_another_try(code)) break;
  }
  if (received.too_long) {
    throw Error(url, fmt::format("sends more than the expected {} bytes", options.limit_bytes),
                "The file at that address is another one now; get it elsewhere");
  }
  std::string reason = curl_easy_strerror(code);
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_HTTP_RETURNED_ERROR) reason = fmt::format("the server answers {}", status);
  throw Error(url, fmt::format("cannot be fetched ({})", reason),
              "Check the network connection and run again");
}

}  // namespace thimble::data
