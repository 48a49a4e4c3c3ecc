#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace thimble {

/// Where a long stage reports how far it is. Stages call it; only the command line draws it.
struct ProgressUpdate {
  std::string_view stage;  ///< "train", "verify"
  uint64_t done = 0;
  uint64_t total = 0;
  std::string_view unit;    ///< "images"
  std::string_view detail;  ///< "loss 0.031  accuracy 99.2 %"
};
using Progress = std::function<void(const ProgressUpdate&)>;

/// Writes to standard error. What it does not take, as on a full disk, is lost: no reason to end a run.
void tell(std::string_view text);

/// A bar on standard error with rate and time left, redrawn in place at most ten times a second.
/// Draws nothing when standard error is not a terminal or `quiet` is set.
class ProgressBar {
 public:
  explicit ProgressBar(bool quiet);
  ~ProgressBar();  ///< leaves the cursor on a fresh line

  void operator()(const ProgressUpdate& update);

 private:
  using Clock = std::chrono::steady_clock;
  bool enabled_;
  bool drawn_ = false;
  std::string stage_;
  uint64_t first_done_ = 0;
  Clock::time_point started_;
  Clock::time_point last_draw_;
};

}  // namespace thimble
