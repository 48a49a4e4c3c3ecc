#include "base/cores.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace thimble {
namespace {

TEST(CoreWatch, stays_between_one_and_the_cores_there_are) {
  CoreWatch watch;
  const int free = watch.free();
  EXPECT_GE(free, 1);
  EXPECT_LE(free, available_cores());
}

TEST(CoreWatch, counts_what_this_process_uses_as_its_own) {
  CoreWatch watch;
  const int before = watch.free();
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < available_cores(); ++i) {
    threads.emplace_back([&] {
      while (!stop) {
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const int busy = watch.free();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  // Other processes come and go; our own load must not make our own cores look taken.
  EXPECT_GE(busy, before - 1);
}

}  // namespace
}  // namespace thimble
