#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace thimble {

/// The cores that this process may use, at least 1.
int available_cores();

/// Watches how many cores other processes leave to this one.
class CoreWatch {
 public:
  /// Looks at the machine for 50 ms, so that free() has something to go by at once.
  CoreWatch();

  /// The cores that this process had or could have had since the last call: what it used itself and what
  /// stood idle. Work at a lowered priority ("nice") counts as idle, for it gives way. At least 1, at most
  /// available_cores(); that many where the system does not tell.
  int free();

 private:
  struct Times {
    std::chrono::steady_clock::time_point now;
    double idle_seconds = 0;  ///< of all cores together
    double own_seconds = 0;   ///< of this process, all threads
  };
  static std::optional<Times> read();
  std::optional<Times> last_;
};

}  // namespace thimble
