#pragma once

#include <torch/torch.h>

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "train/options.h"

namespace thimble::train {

/// Sets libtorch up for this room, once a process: one thread an operator, deterministic algorithms, memory
/// kept from one batch to the next. Parallel work is done over samples instead (Workers): operators this
/// small lose more to the meeting of threads than they gain, and sums do not depend on the number of threads.
void prepare_runtime();

/// The device that a training computes on. Throws Error when it is to be a CUDA device and there is none.
torch::Device choose_device(Accelerator accelerator);

/// Threads that share numbered jobs. The caller is one of them.
class Workers {
 public:
  /// `threads` of 0 stands for the cores that this process may use.
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int count() const { return static_cast<int>(threads_.size()) + 1; }

  /// Runs job(0), ..., job(jobs - 1), in any order, and returns when all are done. Throws what the first of
  /// them, in numerical order, threw.
  void run(size_t jobs, const std::function<void(size_t)>& job);

 private:
  void stop();
  void serve();
  void take_jobs(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable finished_;
  const std::function<void(size_t)>* job_ = nullptr;
  size_t jobs_ = 0;
  size_t next_ = 0;
  size_t done_ = 0;
  std::vector<std::exception_ptr> failures_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace thimble::train
