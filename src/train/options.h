#pragma once

#include <cstdint>

namespace thimble::train {

enum class Optimizer : uint8_t {
  kSgd,   ///< with Nesterov's momentum (Sutskever et al., ICML 2013)
  kAdamW  ///< Loshchilov and Hutter, ICLR 2019; beta 0.9 and 0.999
};

enum class Schedule : uint8_t {
  kConstant,  ///< the peak rate after the warm-up
  kCosine     ///< from the peak rate down to zero along half a cosine (Loshchilov and Hutter, ICLR 2017)
};

/// How a network is trained. All but `threads` decides the result.
struct TrainOptions {
  int epochs = 8;
  int batch_size = 128;
  /// Samples that one thread takes at a time, and over which a batch norm takes its statistics ("ghost
  /// batches", Hoffer et al., NeurIPS 2017). The split is the same for any number of threads, so the trained
  /// bytes are too.
  int shard_size = 32;
  Optimizer optimizer = Optimizer::kSgd;
  double learning_rate = 0.1;  ///< the highest of the schedule
  Schedule schedule = Schedule::kCosine;
  double warmup = 0.2;         ///< the part of all steps in which the rate rises, linearly, to its peak
  double momentum = 0.9;       ///< of kSgd
  double weight_decay = 5e-4;  ///< of weights; biases and batch norms do not decay
  double label_smoothing = 0;  ///< Szegedy et al., CVPR 2016
  double gradient_clip = 0;    ///< the largest norm of all gradients together; 0: no limit
  int shift_pixels = 0;  ///< augmentation: images move by up to this many pixels each way, zeros come in
  uint64_t seed = 1;
  int threads = 0;  ///< 0: as many as there are cores
};

}  // namespace thimble::train
