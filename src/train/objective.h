#pragma once

#include <torch/torch.h>

#include <span>
#include <vector>

#include "data/dataset.h"
#include "graph/graph.h"
#include "train/executor.h"
#include "train/logits.h"
#include "train/options.h"
#include "train/runtime.h"

namespace thimble::train {

/// Throws Error unless the graph takes the set's samples and gives one element a class; and when the set has
/// a label beyond its classes.
void expect_classifier_fits(const Graph& graph, const data::Dataset& dataset);

/// What a training makes small: cross-entropy with the labels; with teachers the divergence from what they
/// say, and from what their layers give; the penalties that make channels sparse.
class Objective {
 public:
  /// Keeps references to all but `device`. Throws Error when a teacher does not fit the data or a hint's
  /// layers do not fit each other.
  Objective(const Executor& student, const data::Dataset& dataset, const TrainOptions& options,
            torch::Device device);

  /// Has the teachers look at all samples, unless they did or augmentation makes each sample a new one.
  /// Call it before the first loss.
  void ask_teachers(Workers& workers);

  /// Tensors of the student that the loss reads; the first are the logits.
  const std::vector<TensorId>& wanted() const { return wanted_; }

  /// What is learned beside the student: the projections of hints.
  const std::vector<torch::Tensor>& projections() const { return projections_; }

  /// A batch as the student saw it.
  struct Batch {
    std::span<const torch::Tensor> inputs;
    std::span<const size_t> indices;  ///< of its samples in the data set
    torch::Tensor labels;
    torch::Tensor mix;  ///< what of each sample stays beside the one before it (mixup); undefined: all
  };

  struct Loss {
    torch::Tensor sum;  ///< over the samples of the batch
    int64_t correct = 0;
  };
  /// `values` are those of wanted().
  Loss loss(std::span<const torch::Tensor> values, const Batch& batch) const;

  /// Adds the gradients of the penalties to those of a batch; gradients[i] belongs to parameter i of the
  /// student. Returns the penalties' sum.
  double add_penalties(std::vector<torch::Tensor>& gradients) const;

 private:
  struct Teacher {
    Executor executor;
    Logits logits;
  };
  struct Hint {
    size_t teacher_value;  ///< among what the first teacher is asked for
    size_t student_value;  ///< among wanted_
  };
  /// Weights that have the channels of a group along an axis; channels[i] is the channel of index i.
  struct Part {
    size_t parameter;
    int64_t axis;
    torch::Tensor indices, channels;
  };
  struct Penalty {
    int64_t channels;
    double members;  ///< numbers that one channel has, on average
    std::vector<Part> parts;
  };

  void add_hint(const LayerHint& hint);
  void find_penalties();
  /// The teachers' probabilities at the temperature, averaged: (samples, classes).
  torch::Tensor soft_targets(std::span<const torch::Tensor> logits) const;

  const Executor& student_;
  const data::Dataset& dataset_;
  const TrainOptions& options_;
  torch::Device device_;
  Logits logits_;
  std::vector<TensorId> wanted_;
  std::vector<Teacher> teachers_;
  std::vector<TensorId> teacher_wanted_;  ///< of the first teacher
  std::vector<Hint> hints_;
  std::vector<torch::Tensor> projections_;  ///< one a hint: (student's channels, teacher's)
  torch::Tensor known_targets_;             ///< (samples, classes), when they do not change
  std::vector<Penalty> penalties_;
  std::vector<size_t> gammas_;  ///< parameters that norm_slimming draws to zero
};

}  // namespace thimble::train
