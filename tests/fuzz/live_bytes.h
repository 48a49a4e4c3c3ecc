#pragma once

#include <sanitizer/allocator_interface.h>

#include <cstdio>
#include <cstdlib>

/// What a file of a kilobyte may make a reader hold in memory at any time.
constexpr size_t kMostLiveBytes = size_t{64} << 20;

/// Ends the process when more than kMostLiveBytes that were allocated in this object's life are not freed
/// yet: libFuzzer's own limits see single allocations, or the whole process.
class LiveBytes {
 public:
  LiveBytes() {
    static const int installed =
        __sanitizer_install_malloc_and_free_hooks([](const volatile void* block, size_t) { add(block, 1); },
                                                  [](const volatile void* block) { add(block, -1); });
    if (installed == 0) std::abort();
    live_ = 0;
    counting_ = true;
  }
  ~LiveBytes() { counting_ = false; }
  LiveBytes(const LiveBytes&) = delete;
  LiveBytes& operator=(const LiveBytes&) = delete;

 private:
  static void add(const volatile void* block, int sign) {
    if (!counting_ || block == nullptr) return;
    live_ += sign * static_cast<ptrdiff_t>(__sanitizer_get_allocated_size(const_cast<const void*>(block)));
    if (live_ <= static_cast<ptrdiff_t>(kMostLiveBytes)) return;
    std::fprintf(stderr, "more than %zu MB at once\n", kMostLiveBytes >> 20);
    std::abort();
  }

  static inline ptrdiff_t live_ = 0;
  static inline bool counting_ = false;
};
