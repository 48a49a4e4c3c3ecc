#include "train/runtime.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <malloc.h>

#include <algorithm>
#include <cassert>

#include "base/cores.h"
#include "base/error.h"

namespace thimble::train {
namespace {

void set_up() {
  at::set_num_threads(1);
  // libtorch reaches OpenBLAS through the system's libblas and does not set its threads.
  if (void* symbol = ::dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) {
    reinterpret_cast<void (*)(int)>(symbol)(1);
  }
  at::globalContext().setDeterministicAlgorithms(true, false);
  // The C library would give activations back to the system after each operator and fault them in again for
  // the next: a third of the time of a training step of a small network.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ::mallopt(M_TOP_PAD, 64 << 20);
  ::mallopt(M_ARENA_MAX, 1);
}

}  // namespace

void prepare_runtime() {
  static std::once_flag once;
  std::call_once(once, set_up);
}

torch::Device choose_device(Accelerator accelerator) {
  const bool has_cuda = torch::cuda::is_available();
  if (accelerator == Accelerator::kCuda && !has_cuda) {
    throw Error("Accelerator cuda", "is not there: this libtorch sees no CUDA device",
                "Take cpu, or build against a libtorch with CUDA as docs/training.md says");
  }
  return accelerator != Accelerator::kCpu && has_cuda ? torch::kCUDA : torch::kCPU;
}

Workers::Workers(int threads) {
  prepare_runtime();
  if (threads <= 0) threads = available_cores();
  try {
    for (int i = 1; i < threads; ++i) threads_.emplace_back([this] { serve(); });
  } catch (...) {  // more than the system lets this process have
    stop();
    throw;
  }
}

Workers::~Workers() { stop(); }

void Workers::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::run(size_t jobs, const std::function<void(size_t)>& job) {
  std::unique_lock lock(mutex_);
  assert(job_ == nullptr);
  job_ = &job;
  jobs_ = jobs;
  next_ = 0;
  done_ = 0;
  failures_.assign(jobs, nullptr);
  wake_.notify_all();
  take_jobs(lock);
  finished_.wait(lock, [this] { return done_ == jobs_; });
  job_ = nullptr;
  for (const std::exception_ptr& failure : failures_) {
    if (failure) std::rethrow_exception(failure);
  }
}

void Workers::serve() {
  at::init_num_threads();  // OpenMP keeps the number of threads for each thread of ours
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    take_jobs(lock);
    wake_.wait(lock, [this] { return stopping_ || (job_ != nullptr && next_ < jobs_); });
  }
}

void Workers::take_jobs(std::unique_lock<std::mutex>& lock) {
  while (job_ != nullptr && next_ < jobs_) {
    const size_t index = next_++;
    const auto& job = *job_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      job(index);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    failures_[index] = failure;
    if (++done_ == jobs_) finished_.notify_all();
  }
}

}  // namespace thimble::train
