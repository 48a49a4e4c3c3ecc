#include "base/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <string>

namespace thimble {
namespace {

/// Standard error, sent to a terminal of our own for a while.
class OwnTerminal {
 public:
  OwnTerminal() {
    winsize size{.ws_row = 24, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};
    if (::openpty(&ours_, &theirs_, nullptr, nullptr, &size) != 0) return;
    ::fcntl(ours_, F_SETFL, O_NONBLOCK);
    before_ = ::dup(STDERR_FILENO);
    ::dup2(theirs_, STDERR_FILENO);
  }
  ~OwnTerminal() {
    if (before_ < 0) return;
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    ::close(ours_);
    ::close(theirs_);
  }
  OwnTerminal(const OwnTerminal&) = delete;
  OwnTerminal& operator=(const OwnTerminal&) = delete;

  bool open() const { return before_ >= 0; }
  std::string shown() const {
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(ours_, buffer, sizeof(buffer))) > 0;)
      text.append(buffer, static_cast<size_t>(got));
    return text;
  }

 private:
  int ours_ = -1;
  int theirs_ = -1;
  int before_ = -1;
};

void walk(bool quiet) {
  ProgressBar bar(quiet);
  bar({.stage = "train", .done = 0, .total = 10, .unit = "images", .detail = ""});
  bar({.stage = "train", .done = 10, .total = 10, .unit = "images", .detail = "loss 0.031"});
}

TEST(ProgressBar, draws_nothing_when_standard_error_is_no_terminal) {
  ::testing::internal::CaptureStderr();
  walk(false);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(ProgressBar, draws_stage_share_and_detail_on_a_terminal_within_its_width) {
  std::string shown;
  {
    const OwnTerminal terminal;
    if (!terminal.open()) GTEST_SKIP() << "SKIPPED: no pseudo-terminal can be had";
    walk(false);
    shown = terminal.shown();
  }
  EXPECT_NE(shown.find("train"), std::string::npos) << shown;
  EXPECT_NE(shown.find("100 %"), std::string::npos) << shown;
  EXPECT_EQ(shown.back(), '\n');
  const size_t last = shown.rfind("\033[K");
  ASSERT_NE(last, std::string::npos);
  EXPECT_LT(shown.size() - last - std::string("\033[K\r\n").size(), 60u) << shown;
}

TEST(ProgressBar, ends_its_line_with_the_stage_and_begins_anew_with_the_next) {
  std::string shown;
  {
    const OwnTerminal terminal;
    if (!terminal.open()) GTEST_SKIP() << "SKIPPED: no pseudo-terminal can be had";
    ProgressBar bar(false);
    bar({.stage = "train", .done = 10, .total = 10, .unit = "images", .detail = ""});
    shown = terminal.shown();
    EXPECT_EQ(shown.back(), '\n') << "what is printed now would stand behind the bar";
    bar({.stage = "train", .done = 10, .total = 20, .unit = "images", .detail = "second"});
    shown = terminal.shown();
  }
  EXPECT_NE(shown.find("0 images/s"), std::string::npos) << "its rate is not that of the first: " << shown;
}

TEST(ProgressBar, is_short_where_the_detail_needs_the_columns) {
  std::string shown;
  {
    const OwnTerminal terminal;
    if (!terminal.open()) GTEST_SKIP() << "SKIPPED: no pseudo-terminal can be had";
    ProgressBar bar(false);
    bar({.stage = "train", .done = 5, .total = 10, .unit = "images", .detail = "loss 0.031"});
    shown = terminal.shown();
  }
  EXPECT_NE(shown.find("loss 0.031"), std::string::npos) << shown;
}

TEST(ProgressBar, draws_nothing_when_it_is_told_to_be_quiet) {
  std::string shown;
  {
    const OwnTerminal terminal;
    if (!terminal.open()) GTEST_SKIP() << "SKIPPED: no pseudo-terminal can be had";
    walk(true);
    shown = terminal.shown();
  }
  EXPECT_EQ(shown, "");
}

TEST(ProgressBar, starts_anew_when_the_same_stage_begins_again) {
  std::string shown;
  {
    const OwnTerminal terminal;
    if (!terminal.open()) GTEST_SKIP() << "SKIPPED: no pseudo-terminal can be had";
    ProgressBar bar(false);
    bar({.stage = "verify", .done = 50, .total = 100, .unit = "images", .detail = ""});
    bar({.stage = "verify", .done = 0, .total = 100, .unit = "images", .detail = ""});
    shown = terminal.shown();
  }
  EXPECT_NE(shown.find("  0 %  0 images/s"), std::string::npos) << shown;
}

}  // namespace
}  // namespace thimble
