#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "base/progress.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "train/fake_quantizer.h"
#include "train/options.h"

namespace thimble::train {

/// What an epoch of training was like.
struct EpochMetrics {
  int epoch = 0;                              ///< from 1 on
  double loss = 0;                            ///< mean over the epoch's samples, as they were trained on
  double accuracy = 0;                        ///< likewise, on the training samples
  double learning_rate = 0;                   ///< of the last step
  std::optional<double> validation_accuracy;  ///< of the network as it would be the result after this epoch
  double images_per_second = 0;               ///< measured; this and loading_share differ from run to run
  double loading_share = 0;  ///< measured: part of the workers' time that reading and augmenting took
};

struct TrainHooks {
  Progress progress = {};
  /// Sees each epoch once, in order, after its checkpoint is on disk; a training that resumes begins with the
  /// epochs that the checkpoint holds.
  std::function<void(const EpochMetrics&)> on_epoch = {};
  /// Written after every epoch, atomically; empty: none. If the file is there already, training goes on from
  /// it.
  std::filesystem::path checkpoint = {};
};

/// Trains a float32 classifier on all samples of a data set with cross-entropy and returns it with its new
/// parameters and batch norm statistics. A softmax at the graph's end is left out of the loss, which takes
/// its argument. Each epoch visits the samples in a new order, in whole batches (what is left over waits for
/// the next epoch).
///
/// Weights of a masked graph (kMaskKey) that are zero stay zero.
///
/// On one kind of processor the result depends on the graph, the data and the options other than `threads`: a
/// training that is killed at any moment and called again with its checkpoint ends with the bytes of one that
/// was not, and a finished one is read from its checkpoint at once.
///
/// Throws Error when graph, data and options do not fit each other, when the loss stops being finite, and
/// when the checkpoint is damaged or of another training; it is left as it is then.
Graph train(const Graph& graph, const data::Dataset& dataset, const TrainOptions& options,
            const TrainHooks& hooks = {});

/// As train, of a network that rounds as its quantizers say, in training and validation; the result has the
/// scales that were learned. Averages, checkpoints and the best epoch hold them too.
FakeQuantizedGraph train_quantized(const FakeQuantizedGraph& network, const data::Dataset& dataset,
                                   const TrainOptions& options, const TrainHooks& hooks = {});

}  // namespace thimble::train
