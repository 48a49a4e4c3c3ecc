#include "base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/error.h"

namespace thimble {
namespace {

constexpr int kEndCheckMs = 2;

struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw Error("pipe", std::strerror(errno), "Close some programs and try again");
    }
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_end(read_end);
    close_end(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

/// Appends what the pipe holds; closes it at its end.
void drain(int& end, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t got = ::read(end, buffer.data(), buffer.size());
  if (got > 0) text.append(buffer.data(), static_cast<size_t>(got));
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) Pipe::close_end(end);
}

/// The status of a child, once it has ended.
int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

bool has_ended(pid_t child, int& status) { return ::waitpid(child, &status, WNOHANG) == child; }

}  // namespace

std::optional<std::filesystem::path> find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (true) {
    const size_t colon = rest.find(':');
    // Absolute, because the child may change its folder before it starts.
    std::error_code failed;
    const std::filesystem::path candidate =
        std::filesystem::absolute(std::filesystem::path(rest.substr(0, colon)) / name, failed);
    if (std::filesystem::is_regular_file(candidate, failed) && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    if (colon == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(colon + 1);
  }
}

ProcessResult run_process(const std::vector<std::string>& command, std::string_view install_hint,
                          const ProcessOptions& options) {
  const auto program = find_program(command.at(0));
  if (!program) throw Error(command[0], "is not installed (not found on PATH)", install_hint);

  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  Pipe out;
  Pipe err;
  Pipe start;  // carries errno when the child cannot start; closed by a successful exec
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw Error(command[0], fmt::format("cannot be started ({})", std::strerror(errno)), "");
  if (child == 0) {
    ::setpgid(0, 0);
    // A child must not outlive a killed parent: an emulator that spins would do so forever.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    const int null_input = ::open("/dev/null", O_RDONLY);
    ::dup2(null_input, STDIN_FILENO);
    ::dup2(out.write_end, STDOUT_FILENO);
    ::dup2(err.write_end, STDERR_FILENO);
    if (options.working_folder.empty() || ::chdir(options.working_folder.c_str()) == 0) {
      ::execv(program->c_str(), arguments.data());
    }
    const int reason = errno;
    [[maybe_unused]] const ssize_t told = ::write(start.write_end, &reason, sizeof(reason));
    ::_exit(127);
  }
  ::setpgid(child, child);  // in both processes, so that the group exists whichever runs first
  Pipe::close_end(out.write_end);
  Pipe::close_end(err.write_end);
  Pipe::close_end(start.write_end);

  int start_error = 0;
  ssize_t told = 0;
  while ((told = ::read(start.read_end, &start_error, sizeof(start_error))) < 0 && errno == EINTR) {
  }
  if (told > 0) {
    wait_for(child);
    throw Error(command[0], fmt::format("cannot be started ({})", std::strerror(start_error)), install_hint);
  }

  ProcessResult result;
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::duration<double>(options.timeout_s);
  const auto milliseconds_left = [&] {
    const double left_s = std::chrono::duration<double>(deadline - Clock::now()).count();
    return left_s <= 0 ? 0 : static_cast<int>(std::min(left_s, 3600.0) * 1000) + 1;
  };
  while (out.read_end >= 0 || err.read_end >= 0) {
    const int wait_ms = milliseconds_left();
    if (wait_ms == 0) break;
    std::array<pollfd, 2> waits{{{out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), wait_ms) <= 0) continue;
    if (waits[0].revents != 0) drain(out.read_end, result.standard_output);
    if (waits[1].revents != 0) drain(err.read_end, result.standard_error);
  }
  // A program may close its output long before it ends: its end is waited for under the same deadline.
  int status = 0;
  bool ended = false;
  while (!(ended = has_ended(child, status)) && milliseconds_left() > 0) ::poll(nullptr, 0, kEndCheckMs);
  result.timed_out = !ended || out.read_end >= 0 || err.read_end >= 0;
  if (result.timed_out) ::kill(-child, SIGKILL);
  if (!ended) status = wait_for(child);
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace thimble
