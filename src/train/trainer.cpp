#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/executor.h"
#include "train/fingerprint.h"
#include "train/optimizer.h"
#include "train/runtime.h"
#include "train/schedule.h"
#include "train/tensor_batch.h"

namespace thimble::train {
namespace {

using torch::Tensor;

/// What the loss takes: the argument of a softmax at the end, times its beta, or the output itself.
struct Logits {
  TensorId tensor;
  double scale = 1;
};

Logits logits_of(const Graph& graph) {
  const TensorId output = graph.outputs[0];
  for (const Node& node : graph.nodes) {
    const auto* softmax = std::get_if<Softmax>(&node.op);
    if (softmax != nullptr && node.outputs[0] == output) return {node.inputs[0], softmax->beta};
  }
  return {output};
}

void check(const Graph& graph, const data::Dataset& dataset, const TrainOptions& options) {
  expect_input_fits(graph, dataset);
  const auto classes = static_cast<int32_t>(dataset.class_names.size());
  const Shape& output = graph.tensor(graph.outputs.at(0)).shape;
  if (graph.outputs.size() != 1 || output != Shape{1, classes}) {
    throw Error(graph.name,
                fmt::format("gives {}, {} has {} classes", to_string(output), dataset.name, classes),
                fmt::format("Take a model that was made for {}", dataset.name));
  }
  for (const int32_t label : dataset.labels) {
    if (label >= 0 && label < classes) continue;
    throw Error(dataset.name, fmt::format("has the label {}, but {} classes", label, classes),
                "Check the data set's files");
  }
  const auto refuse = [](std::string_view option, std::string_view reason, std::string_view remedy) {
    throw Error(fmt::format("Training option {}", option), reason, remedy);
  };
  if (options.epochs < 1) refuse("epochs", "is below 1", "Train for at least one epoch");
  if (options.batch_size < 2)
    refuse("batch_size", "is below 2", "Take at least two samples, better 32 or more");
  if (options.shard_size < 2)
    refuse("shard_size", "is below 2", "Take at least two samples, better 32 or more");
  if (dataset.size() < 2) refuse("data", "has fewer than two samples", "Give a data set with more samples");
  if (!(options.learning_rate > 0))
    refuse("learning_rate", "is not above 0", "Take 0.1 for sgd, 0.005 for adamw");
  if (options.warmup < 0 || options.warmup > 1) refuse("warmup", "is not a part of 1", "Take 0.2");
  if (options.shift_pixels > 0 && dataset.sample_shape.size() != 3) {
    refuse("shift_pixels", fmt::format("is for images, {} has none", dataset.name), "Leave it at 0");
  }
  for (size_t axis = 0; axis < 2 && options.shift_pixels > 0; ++axis) {
    if (options.shift_pixels >= dataset.sample_shape[axis]) {
      refuse("shift_pixels", "moves images out of sight", "Take a tenth of the image or less");
    }
  }
}

/// What a shard of a batch contributes to a step.
struct Shard {
  std::vector<Tensor> gradients;
  Executor::Statistics statistics;
  double loss = 0;  ///< summed over its samples
  int64_t correct = 0;
};

/// One training: the network, its optimizer and where it stands.
class Training {
 public:
  Training(const Graph& graph, const data::Dataset& dataset, const TrainOptions& options,
           const TrainHooks& hooks)
      : dataset_(dataset),
        options_(options),
        hooks_(hooks),
        executor_(graph),
        logits_(logits_of(graph)),
        parameters_(parameters_of(executor_)),
        update_(parameters_, options),
        workers_(options.threads),
        batch_size_(std::min(static_cast<size_t>(options.batch_size), dataset.size())),
        steps_per_epoch_(dataset.size() / batch_size_) {}

  /// Everything a checkpoint keeps, in one order.
  std::vector<Tensor> state_tensors() const {
    std::vector<Tensor> tensors = parameters_;
    for (const auto& [id, value] : executor_.statistics()) tensors.push_back(executor_.constant(id));
    tensors.insert(tensors.end(), update_.state().begin(), update_.state().end());
    return tensors;
  }

  std::vector<float> state() const {
    std::vector<float> state;
    for (const Tensor& tensor : state_tensors()) {
      const float* values = tensor.data_ptr<float>();
      state.insert(state.end(), values, values + tensor.numel());
    }
    return state;
  }

  size_t state_size() const {
    size_t size = 0;
    for (const Tensor& tensor : state_tensors()) size += static_cast<size_t>(tensor.numel());
    return size;
  }

  void restore(std::span<const float> state) {
    for (Tensor& tensor : state_tensors()) {
      std::copy_n(state.begin(), tensor.numel(), tensor.data_ptr<float>());
      state = state.subspan(static_cast<size_t>(tensor.numel()));
    }
  }

  EpochMetrics run_epoch(int epoch) {
    const auto started = std::chrono::steady_clock::now();
    const std::vector<size_t> order = epoch_order(dataset_.size(), options_.seed, epoch);
    const Random augmentation = Random(options_.seed).fork(2).fork(static_cast<uint64_t>(epoch));
    EpochMetrics metrics{.epoch = epoch + 1};
    int64_t correct = 0;
    for (size_t b = 0; b < steps_per_epoch_; ++b) {
      const int64_t step = static_cast<int64_t>(epoch * steps_per_epoch_ + b);
      const int64_t steps = static_cast<int64_t>(options_.epochs * steps_per_epoch_);
      metrics.learning_rate = learning_rate_at(options_, step, steps);
      const Shard whole = run_batch(std::span(order).subspan(b * batch_size_, batch_size_), augmentation);
      if (!std::isfinite(whole.loss)) fail_diverged(epoch);
      update_.step(whole.gradients, metrics.learning_rate, step);
      executor_.set_statistics(whole.statistics);
      metrics.loss += whole.loss;
      correct += whole.correct;
      report(epoch, b + 1, metrics.loss, correct);
    }
    const auto samples = static_cast<double>(steps_per_epoch_ * batch_size_);
    metrics.loss /= samples;
    metrics.accuracy = static_cast<double>(correct) / samples;
    metrics.images_per_second =
        samples / std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    return metrics;
  }

  Graph trained_graph() const { return executor_.trained_graph(); }

 private:
  static std::vector<Tensor> parameters_of(const Executor& executor) {
    std::vector<Tensor> parameters;
    for (const TensorId id : executor.parameters()) parameters.push_back(executor.constant(id));
    return parameters;
  }

  /// Loss and gradients of a batch, its statistics averaged over the shards; sums are taken in the shards'
  /// order.
  Shard run_batch(std::span<const size_t> indices, const Random& augmentation) {
    const auto wanted_size = static_cast<size_t>(options_.shard_size);
    const size_t count = std::max(indices.size() / wanted_size, size_t{1});
    std::vector<Shard> shards(count);
    workers_.run(count, [&](size_t s) {
      const size_t first = indices.size() * s / count;
      const size_t last = indices.size() * (s + 1) / count;
      shards[s] = run_shard(indices.subspan(first, last - first), augmentation, indices.size());
    });
    const torch::NoGradGuard no_gradients;
    Shard whole = std::move(shards[0]);
    for (size_t s = 1; s < count; ++s) {
      for (size_t i = 0; i < whole.gradients.size(); ++i) whole.gradients[i].add_(shards[s].gradients[i]);
      for (auto& [id, value] : whole.statistics) value.add_(shards[s].statistics.at(id));
      whole.loss += shards[s].loss;
      whole.correct += shards[s].correct;
    }
    for (auto& [id, value] : whole.statistics) value.div_(static_cast<double>(count));
    if (options_.gradient_clip > 0) clip_gradients(whole.gradients, options_.gradient_clip);
    return whole;
  }

  Shard run_shard(std::span<const size_t> indices, const Random& augmentation, size_t batch_size) const {
    Tensor inputs[] = {empty_batch(dataset_, indices.size())};
    if (options_.shift_pixels > 0) {
      read_shifted_batch(dataset_, indices, options_.shift_pixels, augmentation, values_of(inputs[0]));
    } else {
      read_batch(dataset_, indices, values_of(inputs[0]));
    }
    const Tensor labels = label_batch(dataset_, indices);
    Shard shard;
    shard.statistics = executor_.statistics();
    const TensorId wanted[] = {logits_.tensor};
    Tensor logits = executor_.run_training(inputs, wanted, shard.statistics)[0];
    if (logits_.scale != 1) logits = logits * logits_.scale;
    const Tensor loss =
        at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum, -100, options_.label_smoothing);
    shard.gradients =
        torch::autograd::grad({loss / static_cast<double>(batch_size)}, parameters_, {}, c10::nullopt,
                              /*create_graph=*/false, /*allow_unused=*/true);
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (!shard.gradients[i].defined()) shard.gradients[i] = torch::zeros_like(parameters_[i]);
    }
    shard.loss = loss.item<double>();
    shard.correct = logits.argmax(1).eq(labels).sum().item<int64_t>();
    return shard;
  }

  void report(int epoch, size_t batches, double loss, int64_t correct) const {
    if (!hooks_.progress) return;
    const size_t images = batches * batch_size_;
    const auto seen = static_cast<double>(images);
    const size_t per_epoch = steps_per_epoch_ * batch_size_;
    const std::string detail =
        fmt::format("epoch {}/{}  loss {:.4f}  accuracy {:.2f} %", epoch + 1, options_.epochs, loss / seen,
                    100 * static_cast<double>(correct) / seen);
    hooks_.progress({"train", epoch * per_epoch + images, options_.epochs * per_epoch, "images", detail});
  }

  [[noreturn]] void fail_diverged(int epoch) const {
    throw Error(
        "Training", fmt::format("the loss is no longer a finite number in epoch {}", epoch + 1),
        fmt::format(
            "Lower learning_rate (it is {}), or limit gradient_clip, and delete the checkpoint of this "
            "training if there is one",
            options_.learning_rate));
  }

  const data::Dataset& dataset_;
  const TrainOptions& options_;
  const TrainHooks& hooks_;
  Executor executor_;
  Logits logits_;
  std::vector<Tensor> parameters_;
  ParameterUpdate update_;
  Workers workers_;
  size_t batch_size_;
  size_t steps_per_epoch_;
};

}  // namespace

Graph train(const Graph& graph, const data::Dataset& dataset, const TrainOptions& options,
            const TrainHooks& hooks) {
  check(graph, dataset, options);
  Training training(graph, dataset, options, hooks);
  Checkpoint checkpoint;
  const bool keeps_checkpoint = !hooks.checkpoint.empty();
  if (keeps_checkpoint) {
    checkpoint.fingerprint = fingerprint(graph, dataset, options);
    if (std::filesystem::exists(hooks.checkpoint)) {
      checkpoint = read_checkpoint(hooks.checkpoint, checkpoint.fingerprint, training.state_size());
      training.restore(checkpoint.state);
    }
  }
  if (hooks.on_epoch) std::for_each(checkpoint.history.begin(), checkpoint.history.end(), hooks.on_epoch);

  for (int epoch = static_cast<int>(checkpoint.history.size()); epoch < options.epochs; ++epoch) {
    checkpoint.history.push_back(training.run_epoch(epoch));
    if (keeps_checkpoint) {
      checkpoint.state = training.state();
      write_checkpoint(hooks.checkpoint, checkpoint);
    }
    if (hooks.on_epoch) hooks.on_epoch(checkpoint.history.back());
  }
  return training.trained_graph();
}

}  // namespace thimble::train
