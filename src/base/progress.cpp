#include "base/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace thimble {
namespace {

constexpr int kBarWidth = 24;
constexpr int kLeastBarWidth = 4;
constexpr int kAroundBar = 14;  ///< columns of the stage, the brackets, blanks, and one that stays free

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

void tell(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

ProgressBar::ProgressBar(bool quiet) : enabled_(!quiet && ::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_) tell("\n");
}

void ProgressBar::operator()(const ProgressUpdate& update) {
  if (!enabled_) return;
  const auto now = Clock::now();
  if (update.stage != stage_ || update.done < first_done_) {
    if (drawn_) tell("\n");
    stage_ = update.stage;
    first_done_ = update.done;
    started_ = now;
    last_draw_ = {};
  }
  const bool finished = update.done >= update.total;
  if (!finished && now - last_draw_ < std::chrono::milliseconds(100)) return;
  last_draw_ = now;
  drawn_ = true;

  const double fraction =
      update.total > 0 ? std::min(1.0, static_cast<double>(update.done) / static_cast<double>(update.total))
                       : 0;
  const double elapsed_s = std::chrono::duration<double>(now - started_).count();
  const double rate = elapsed_s > 0 ? static_cast<double>(update.done - first_done_) / elapsed_s : 0;
  const double left_s =
      rate > 0 ? static_cast<double>(update.total - std::min(update.done, update.total)) / rate : 0;
  const std::string figures =
      fmt::format("{:3.0f} %  {:.0f} {}/s  {} {}  {}", fraction * 100, rate, update.unit,
                  duration_text(finished ? elapsed_s : left_s), finished ? "taken" : "left", update.detail);
  // What is told counts more than the bar.
  const auto room = static_cast<int>(terminal_columns()) - static_cast<int>(figures.size()) - kAroundBar;
  const int width = std::clamp(room, kLeastBarWidth, kBarWidth);
  const int filled = static_cast<int>(fraction * width);
  std::string line = fmt::format("{:<9} [{}{}] {}", update.stage, std::string(filled, '='),
                                 std::string(width - filled, ' '), figures);
  line.resize(std::min(line.size(), terminal_columns() - 1));
  tell("\r\033[K" + line);
  if (finished && update.total > 0) {
    // Whatever is printed next begins a line of its own.
    tell("\n");
    drawn_ = false;
    stage_.clear();
  }
  std::fflush(stderr);
}

}  // namespace thimble
