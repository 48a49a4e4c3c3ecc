#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/augment.h"
#include "graph/graph.h"

namespace thimble::train {

enum class Optimizer : uint8_t {
  kSgd,   ///< with Nesterov's momentum (Sutskever et al., ICML 2013)
  kAdamW  ///< Loshchilov and Hutter, ICLR 2019; beta 0.9 and 0.999
};

enum class Schedule : uint8_t {
  kConstant,  ///< the peak rate after the warm-up
  kCosine,    ///< from the peak rate down to zero along half a cosine (Loshchilov and Hutter, ICLR 2017)
  /// Down to zero along a line, while kSgd's momentum runs against the rate: from 0.05 above its value to
  /// 0.05 below it at the peak and back (Smith and Topin, 2019).
  kOneCycle
};

/// Where a training computes.
enum class Accelerator : uint8_t {
  kAuto,  ///< a CUDA device where libtorch sees one, otherwise the CPU
  kCpu,
  kCuda  ///< an Error where libtorch sees no such device
};

enum class Precision : uint8_t {
  kFloat32,
  kBfloat16  ///< of activations and of the weights as layers see them, teachers' too; sums, statistics and
             ///< updates are float32
};

/// Layers whose outputs should agree, through a linear map of the student's channels that is learned with it
/// (Romero et al., "FitNets", ICLR 2015).
struct LayerHint {
  std::string student;  ///< the name of a node
  std::string teacher;  ///< of the first teacher
};

/// Trained networks that a training learns from, beside the labels (Hinton et al., 2015): the loss is
/// (1 - weight) * cross-entropy + weight * T^2 * KL(teachers at temperature T || student at temperature T)
/// + hint_weight * the mean square of what hints differ by.
struct Distillation {
  std::vector<Graph>
      teachers{};  ///< float32, for the same data and classes; of several, the mean probability
  double temperature = 4;
  double weight = 0.9;
  std::vector<LayerHint> hints{};
  double hint_weight = 1;
  /// Where to keep what the teachers say of the samples, for other trainings on the same data; used when no
  /// augmentation changes the samples and there are no hints. Empty: nowhere.
  std::filesystem::path cache{};
};

/// How a network is trained. All but `threads` and `accelerator` decides the result; on a CUDA device it
/// differs from the CPU's in the last digits, and a batch is one shard there.
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
  /// The result is the exponential moving average of parameters and statistics with this decay a step, less
  /// in the first steps; 0: the parameters themselves.
  double ema = 0;
  /// The part of the training samples that is held out, whole groups where the set knows them, and judges
  /// every epoch; 0: none.
  double validation = 0;
  /// The training stops after so many epochs without a better validation accuracy, and the result is the best
  /// epoch's; 0: it runs to its end, and the result is the last one's.
  int patience = 0;
  data::Augmentation augmentation;
  Distillation distillation;
  /// Weight of the sum, over all channels that can be pruned, of the norm of what leaves with the channel,
  /// times the root of its count (Yuan and Lin, 2006; over coupled layers as channel_groups finds them).
  double group_lasso = 0;
  /// Weight of the sum of |gamma| over the batch norms of such channels (Liu et al., "Network slimming", ICCV
  /// 2017).
  double norm_slimming = 0;
  uint64_t seed = 1;
  Precision precision = Precision::kFloat32;
  Accelerator accelerator = Accelerator::kAuto;
  int threads = 0;  ///< 0: as many as other processes leave free, looked at anew each epoch
};

}  // namespace thimble::train
