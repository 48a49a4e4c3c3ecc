#include "base/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/files.h"
#include "support/expect_error.h"

namespace thimble {
namespace {

using test::expect_error;

const std::string kHint = "apt-get install something";

ProcessResult shell(const std::string& script, const ProcessOptions& options = {}) {
  return run_process({"sh", "-c", script}, kHint, options);
}

double seconds_of(const std::function<void()>& action) {
  const auto started = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

/// True once no process has this id, which may take a moment after a kill.
bool is_gone(pid_t process) {
  for (int round = 0; round < 200; ++round) {
    std::ifstream status("/proc/" + std::to_string(process) + "/stat");
    std::string id, name, state;
    if (!(status >> id >> name >> state) || state == "Z") return true;
    ::usleep(10000);
  }
  return false;
}

TEST(RunProcess, returns_the_exit_code_and_both_outputs) {
  const ProcessResult result = shell("echo out; echo err >&2; exit 7");
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_FALSE(result.timed_out);
  EXPECT_EQ(result.standard_output, "out\n");
  EXPECT_EQ(result.standard_error, "err\n");
}

TEST(RunProcess, returns_128_and_the_signal_when_a_signal_ends_the_child) {
  EXPECT_EQ(shell("kill -SEGV $$").exit_code, 128 + SIGSEGV);
}

TEST(RunProcess, passes_arguments_as_they_are) {
  EXPECT_EQ(run_process({"printf", "%s|%s", "a b", "$HOME;*"}, kHint).standard_output, "a b|$HOME;*");
}

TEST(RunProcess, gives_the_child_no_input) { EXPECT_EQ(run_process({"cat"}, kHint).standard_output, ""); }

TEST(RunProcess, takes_more_on_both_outputs_than_a_pipe_holds) {
  const ProcessResult result =
      shell("head -c 3000000 /dev/zero >&2 & head -c 2000000 /dev/zero; wait; head -c 1000000 /dev/zero >&2");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.standard_output.size(), 2000000u);
  EXPECT_EQ(result.standard_error.size(), 4000000u);
}

TEST(RunProcess, starts_in_the_folder_it_is_told) {
  const TemporaryFolder folder;
  EXPECT_EQ(shell("pwd -P", {.working_folder = folder.path()}).standard_output,
            std::filesystem::canonical(folder.path()).string() + "\n");
}

TEST(RunProcess, reports_a_folder_that_is_not_there) {
  expect_error([] { shell("true", {.working_folder = "/nonexistent"}); },
               "sh: cannot be started (No such file or directory)");
}

TEST(RunProcess, names_a_program_that_is_not_installed_and_how_to_get_it) {
  expect_error([] { run_process({"thimble-no-such-program"}, kHint); },
               "thimble-no-such-program: is not installed (not found on PATH). apt-get install something.");
}

TEST(RunProcess, reports_a_file_that_is_no_program) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "broken";
  write_file_atomically(path,
                        "\x7f"
                        "ELF, or so it says");
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  expect_error([&] { run_process({path.string()}, kHint); }, "cannot be started (Exec format error)");
}

TEST(RunProcess, ends_a_child_that_takes_too_long_and_keeps_what_it_printed) {
  ProcessResult result;
  const double taken_s =
      seconds_of([&] { result = shell("echo early; sleep 60", {.working_folder = {}, .timeout_s = 2}); });
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 128 + SIGKILL);
  EXPECT_EQ(result.standard_output, "early\n");
  EXPECT_LT(taken_s, 30);
}

TEST(RunProcess, ends_a_child_that_takes_too_long_after_closing_its_outputs) {
  ProcessResult result;
  const double taken_s =
      seconds_of([&] { result = shell("exec sleep 60 >&- 2>&-", {.working_folder = {}, .timeout_s = 0.3}); });
  EXPECT_TRUE(result.timed_out);
  EXPECT_LT(taken_s, 30);
}

TEST(RunProcess, ends_the_grandchildren_too_when_time_is_up) {
  const ProcessResult result = shell("sleep 60 & echo $!; wait", {.working_folder = {}, .timeout_s = 2});
  EXPECT_TRUE(result.timed_out);
  EXPECT_TRUE(is_gone(std::stoi(result.standard_output)));
}

TEST(RunProcess, ends_the_child_when_the_caller_is_killed) {
  const TemporaryFolder folder;
  const auto note = folder.path() / "child";
  const pid_t caller = ::fork();
  ASSERT_GE(caller, 0);
  if (caller == 0) {
    shell("echo $$ > " + note.string() + ".new; mv " + note.string() + ".new " + note.string() +
          "; exec sleep 60");
    ::_exit(0);
  }
  while (!std::filesystem::exists(note)) ::usleep(1000);
  const pid_t child = std::stoi(read_text(note));
  ::kill(caller, SIGKILL);
  ASSERT_EQ(::waitpid(caller, nullptr, 0), caller);
  EXPECT_TRUE(is_gone(child));
}

TEST(FindProgram, finds_an_executable_file_but_no_folder_of_that_name) {
  const TemporaryFolder folder;
  const std::string before = std::getenv("PATH");
  std::filesystem::create_directories(folder.path() / "first" / "tool");
  write_file_atomically(folder.path() / "second" / "tool", "#!/bin/sh\n");
  ASSERT_EQ(::chmod((folder.path() / "second" / "tool").c_str(), 0755), 0);
  ::setenv("PATH", ((folder.path() / "first").string() + ":" + (folder.path() / "second").string()).c_str(),
           1);
  const auto found = find_program("tool");
  const auto missing = find_program("other");
  ::setenv("PATH", before.c_str(), 1);
  EXPECT_EQ(found, folder.path() / "second" / "tool");
  EXPECT_FALSE(missing);
}

}  // namespace
}  // namespace thimble
