#include "base/cores.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>

namespace thimble {

int available_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  return ::sched_getaffinity(0, sizeof cores, &cores) == 0 ? std::max(1, CPU_COUNT(&cores)) : 1;
}

CoreWatch::CoreWatch() : last_(read()) { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

int CoreWatch::free() {
  const int cores = available_cores();
  const std::optional<Times> before = last_;
  last_ = read();
  if (!before || !last_) return cores;
  const double seconds = std::chrono::duration<double>(last_->now - before->now).count();
  const double available =
      last_->idle_seconds - before->idle_seconds + last_->own_seconds - before->own_seconds;
  return std::clamp(static_cast<int>(std::lround(available / std::max(seconds, 1e-3))), 1, cores);
}

std::optional<CoreWatch::Times> CoreWatch::read() {
  // proc(5): user, nice, system, idle and iowait of all cores since the start, in clock ticks.
  std::ifstream file("/proc/stat");
  std::string word;
  double user = 0;
  double nice = 0;
  double system = 0;
  double idle = 0;
  double iowait = 0;
  if (!(file >> word >> user >> nice >> system >> idle >> iowait) || word != "cpu") return std::nullopt;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  // A process that runs nice itself competes with the others that do.
  const double gives_way = ::getpriority(PRIO_PROCESS, 0) > 0 ? 0 : nice;
  return Times{.now = std::chrono::steady_clock::now(),
               .idle_seconds = (gives_way + idle + iowait) / ticks,
               .own_seconds = static_cast<double>(std::clock()) / CLOCKS_PER_SEC};
}

}  // namespace thimble
