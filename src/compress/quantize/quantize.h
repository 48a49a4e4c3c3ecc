#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compress/quantize/mixed_precision.h"
#include "compress/quantize/post_training.h"
#include "train/trainer.h"

namespace thimble::quantize {

/// Quantization as a stage: widths, then rounding after training or in training.
struct Options {
  PostTrainingOptions post_training;
  std::optional<MixOptions> mix;  ///< chooses the layers' widths, instead of post_training.weights
  /// Quantization-aware training: what is rounded is trained, from post-training quantization on.
  std::optional<train::TrainOptions> training;
  bool distills = false;  ///< the float32 network teaches the one in training (TrainOptions::distillation)
};

struct Result {
  Graph integer;
  PostTraining post_training;
  std::optional<MixedPrecision> mixed;
  std::optional<train::FakeQuantizedGraph>
      trained;  ///< what training ended with; `integer` computes the same
};

/// Short trainings at a low rate, which a trained network needs to get used to its steps.
train::TrainOptions default_training();

/// Quantizes a trained float32 graph. `dataset` is the training split; `hooks` are for training.
Result quantize(const Graph& graph, const data::Dataset& dataset, const Options& options,
                const train::TrainHooks& hooks = {});

}  // namespace thimble::quantize
