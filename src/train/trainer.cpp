#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <set>

#include "base/cores.h"
#include "base/error.h"
#include "data/validation.h"
#include "graph/mask.h"
#include "graph/quantize_from_ranges.h"
#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/executor.h"
#include "train/fingerprint.h"
#include "train/objective.h"
#include "train/optimizer.h"
#include "train/runtime.h"
#include "train/schedule.h"
#include "train/tensor_batch.h"

namespace thimble::train {
namespace {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void check(const Graph& graph, const data::Dataset& dataset, const TrainOptions& options) {
  expect_classifier_fits(graph, dataset);
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
  if (!(options.ema >= 0 && options.ema < 1)) refuse("ema", "is not a decay below 1", "Take 0.999, or 0");
  if (!(options.validation >= 0 && options.validation < 1)) {
    refuse("validation", "is not a part of 1", "Take 0.1, or 0 for none");
  }
  if (options.patience > 0 && options.validation == 0) {
    refuse("patience", "waits for a better validation accuracy, and nothing is held out",
           "Set validation to 0.1, or patience to 0");
  }
  const Distillation& distillation = options.distillation;
  if (!(distillation.temperature > 0)) refuse("temperature", "is not above 0", "Take 4");
  if (!(distillation.weight >= 0 && distillation.weight <= 1)) {
    refuse("weight", "of the teachers is not a part of 1", "Take 0.9");
  }
  if (!(distillation.hint_weight >= 0)) refuse("hint_weight", "is below 0", "Take 1");
  if (!(options.group_lasso >= 0)) refuse("group_lasso", "is below 0", "Take 1e-4");
  if (!(options.norm_slimming >= 0)) refuse("norm_slimming", "is below 0", "Take 1e-4");
  data::check(options.augmentation, dataset);
}

/// What a shard of a batch contributes to a step.
struct Shard {
  std::vector<Tensor> gradients;
  Executor::Statistics statistics;
  double loss = 0;  ///< summed over its samples
  int64_t correct = 0;
  double loading_seconds = 0;  ///< reading and augmenting
  double seconds = 0;          ///< all of it
};

/// Which samples are trained on and which are held out.
data::ValidationIndices split_samples(const data::Dataset& dataset, const TrainOptions& options) {
  if (options.validation > 0) {
    return data::validation_indices(
        dataset,
        {.fraction = options.validation, .group_fraction = options.validation, .seed = options.seed});
  }
  data::ValidationIndices samples;
  samples.training.resize(dataset.size());
  std::iota(samples.training.begin(), samples.training.end(), size_t{0});
  return samples;
}

/// Whether a training with patience has waited long enough for a better epoch.
bool has_stalled(const TrainOptions& options, std::span<const EpochMetrics> history) {
  if (options.patience == 0 || history.empty()) return false;
  const auto best = std::ranges::max_element(
      history, {}, [](const EpochMetrics& metrics) { return metrics.validation_accuracy.value_or(0); });
  return history.end() - best > options.patience;
}

/// One training: the network, its optimizer and where it stands.
class Training {
 public:
  Training(const FakeQuantizedGraph& network, const data::Dataset& dataset, const TrainOptions& options,
           const TrainHooks& hooks)
      : dataset_(dataset),
        options_(options),
        hooks_(hooks),
        samples_(split_samples(dataset, options)),
        device_(choose_device(options.accelerator)),
        executor_(network.graph, device_, options.precision, network.quantizers),
        objective_(executor_, dataset, options, device_),
        parameters_(parameters_of(executor_, objective_)),
        update_(parameters_, options, units_of(executor_)),
        batch_size_(std::min(static_cast<size_t>(options.batch_size), samples_.training.size())),
        steps_per_epoch_(samples_.training.size() / batch_size_) {
    if (samples_.training.size() < 2) {
      throw Error("Training option data", "leaves fewer than two samples to train on",
                  "Hold out fewer with validation, or give a data set with more samples");
    }
    if (options.threads == 0) cores_.emplace();
    find_masks(network.graph);
    network_ = parameters_;
    for (const auto& [id, value] : executor_.statistics()) network_.push_back(executor_.constant(id));
    if (options.ema > 0) average_ = copy_of(network_);
    if (options.patience > 0) best_ = copy_of(network_);
  }

  /// Everything a checkpoint keeps, in one order.
  std::vector<Tensor> state_tensors() const {
    std::vector<Tensor> tensors;
    for (const auto* part : {&network_, &update_.state(), &average_, &best_}) {
      tensors.insert(tensors.end(), part->begin(), part->end());
    }
    return tensors;
  }

  std::vector<float> state() const {
    std::vector<float> state;
    for (const Tensor& tensor : state_tensors()) {
      const Tensor here = tensor.cpu().contiguous();
      const float* values = here.data_ptr<float>();
      state.insert(state.end(), values, values + here.numel());
    }
    return state;
  }

  size_t state_size() const {
    size_t size = 0;
    for (const Tensor& tensor : state_tensors()) size += static_cast<size_t>(tensor.numel());
    return size;
  }

  void restore(std::span<const float> state) {
    const torch::NoGradGuard no_gradients;
    for (Tensor& tensor : state_tensors()) {
      // from_blob asks for a pointer that may be written through; copy_ only reads.
      tensor.copy_(torch::from_blob(const_cast<float*>(state.data()), tensor.sizes(), torch::kFloat32));
      state = state.subspan(static_cast<size_t>(tensor.numel()));
    }
  }

  EpochMetrics run_epoch(int epoch) {
    workers_.emplace(cores_ ? cores_->free() : options_.threads);
    objective_.ask_teachers(*workers_);
    const Clock::time_point started = Clock::now();
    std::vector<size_t> order = samples_.training;
    shuffle_for_epoch(order, options_.seed, epoch);
    const Random augmentation = Random(options_.seed).fork(2).fork(static_cast<uint64_t>(epoch));
    EpochMetrics metrics;
    metrics.epoch = epoch + 1;
    int64_t correct = 0;
    double loading_seconds = 0;
    double shard_seconds = 0;
    for (size_t b = 0; b < steps_per_epoch_; ++b) {
      const int64_t step = static_cast<int64_t>(epoch * steps_per_epoch_ + b);
      const int64_t steps = static_cast<int64_t>(options_.epochs * steps_per_epoch_);
      metrics.learning_rate = learning_rate_at(options_, step, steps);
      const Shard whole = run_batch(std::span(order).subspan(b * batch_size_, batch_size_), augmentation);
      if (!std::isfinite(whole.loss)) fail_diverged(epoch);
      update_.step(whole.gradients, step, steps);
      apply_masks();
      executor_.set_statistics(whole.statistics);
      update_average(step);
      metrics.loss += whole.loss;
      correct += whole.correct;
      loading_seconds += whole.loading_seconds;
      shard_seconds += whole.seconds;
      report(epoch, b + 1, metrics.loss, correct);
    }
    // The last step's result has no loss yet.
    const bool is_finite = std::ranges::all_of(
        network_, [](const Tensor& tensor) { return torch::isfinite(tensor).all().item<bool>(); });
    if (!is_finite) fail_diverged(epoch);
    const auto samples = static_cast<double>(steps_per_epoch_ * batch_size_);
    metrics.loss /= samples;
    metrics.accuracy = static_cast<double>(correct) / samples;
    metrics.images_per_second = samples / seconds_since(started);
    metrics.loading_share = loading_seconds / shard_seconds;
    return metrics;
  }

  /// Judges the network after the epoch on what is held out, and remembers the best. Call it once an epoch.
  void validate(EpochMetrics& metrics, std::span<const EpochMetrics> history) {
    if (samples_.validation.empty()) return;
    const std::vector<Tensor>& result = average_.empty() ? network_ : average_;
    metrics.validation_accuracy = accuracy_of(result);
    if (best_.empty()) return;
    const bool is_best = std::ranges::all_of(history, [&](const EpochMetrics& before) {
      return *before.validation_accuracy < *metrics.validation_accuracy;
    });
    if (is_best) assign(best_, result);
  }

  FakeQuantizedGraph trained() {
    const std::vector<Tensor>& result = !best_.empty() ? best_ : !average_.empty() ? average_ : network_;
    if (&result != &network_) assign(network_, result);
    return {executor_.trained_graph(), executor_.quantizers()};
  }

 private:
  static std::vector<Tensor> parameters_of(const Executor& executor, const Objective& objective) {
    std::vector<Tensor> parameters;
    for (const TensorId id : executor.parameters()) parameters.push_back(executor.constant(id));
    for (const Tensor& scales : executor.learned_scales()) parameters.push_back(scales);
    for (const Tensor& projection : objective.projections()) parameters.push_back(projection);
    return parameters;
  }

  /// Learned scales are as small as what they round; the network's own parameters have no unit.
  static std::vector<double> units_of(const Executor& executor) {
    std::vector<double> units(executor.parameters().size(), 1);
    for (const Tensor& scales : executor.learned_scales())
      units.push_back(scales.detach().mean().item<double>());
    return units;
  }

  /// Of a masked graph: what of its weights is not zero. A checkpoint's network has the same zeros.
  void find_masks(const Graph& graph) {
    if (!is_masked(graph)) return;
    std::set<TensorId> weights;
    for (const Node& node : graph.nodes) {
      if (has_weights(node.op)) weights.insert(node.inputs[1]);
    }
    const torch::NoGradGuard no_gradients;
    for (const TensorId id : executor_.parameters()) {
      if (weights.contains(id)) masks_.emplace_back(executor_.constant(id), executor_.constant(id).ne(0));
    }
  }

  void apply_masks() {
    const torch::NoGradGuard no_gradients;
    for (auto& [weights, mask] : masks_) weights.mul_(mask);
  }

  static std::vector<Tensor> copy_of(const std::vector<Tensor>& tensors) {
    std::vector<Tensor> copies;
    for (const Tensor& tensor : tensors) copies.push_back(tensor.detach().clone());
    return copies;
  }

  static void assign(std::vector<Tensor>& to, const std::vector<Tensor>& from) {
    const torch::NoGradGuard no_gradients;
    for (size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
  }

  /// Of the network with these parameters and statistics, on what is held out.
  double accuracy_of(const std::vector<Tensor>& result) {
    const std::vector<Tensor> trained = copy_of(network_);
    assign(network_, result);
    constexpr size_t kBatch = 64;
    const std::span<const size_t> held_out = samples_.validation;
    std::vector<int64_t> correct((held_out.size() + kBatch - 1) / kBatch);
    workers_->run(correct.size(), [&](size_t b) {
      const torch::NoGradGuard no_gradients;
      const auto chosen = held_out.subspan(b * kBatch, std::min(kBatch, held_out.size() - b * kBatch));
      const Tensor inputs[] = {tensor_batch(dataset_, chosen).to(device_)};
      const auto wanted = std::span(objective_.wanted()).first(1);
      const Tensor classes = executor_.run(inputs, wanted)[0].flatten(1).argmax(1);
      correct[b] = classes.eq(label_batch(dataset_, chosen).to(device_)).sum().item<int64_t>();
    });
    assign(network_, trained);
    const int64_t all = std::accumulate(correct.begin(), correct.end(), int64_t{0});
    return static_cast<double>(all) / static_cast<double>(held_out.size());
  }

  /// Loss and gradients of a batch, its statistics averaged over the shards; sums are taken in the shards'
  /// order.
  Shard run_batch(std::span<const size_t> indices, const Random& augmentation) {
    const auto wanted_size = static_cast<size_t>(options_.shard_size);
    const bool is_one_shard = !device_.is_cpu();
    const size_t count = is_one_shard ? 1 : std::max(indices.size() / wanted_size, size_t{1});
    std::vector<Shard> shards(count);
    workers_->run(count, [&](size_t s) {
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
      whole.loading_seconds += shards[s].loading_seconds;
      whole.seconds += shards[s].seconds;
    }
    for (auto& [id, value] : whole.statistics) value.div_(static_cast<double>(count));
    // The penalties are the network's, not the samples': once a batch.
    whole.loss += objective_.add_penalties(whole.gradients) * static_cast<double>(indices.size());
    if (options_.gradient_clip > 0) clip_gradients(whole.gradients, options_.gradient_clip);
    return whole;
  }

  Shard run_shard(std::span<const size_t> indices, const Random& augmentation, size_t batch_size) const {
    const Clock::time_point started = Clock::now();
    Tensor inputs[] = {empty_batch(dataset_, indices.size())};
    read_augmented_batch(dataset_, indices, options_.augmentation, augmentation, values_of(inputs[0]));
    const Tensor mix = mix_neighbours(inputs[0], indices, augmentation);
    inputs[0] = inputs[0].to(device_);
    const Tensor labels = label_batch(dataset_, indices).to(device_);
    Shard shard;
    shard.loading_seconds = seconds_since(started);
    shard.statistics = executor_.statistics();
    const auto values = executor_.run_training(inputs, objective_.wanted(), shard.statistics);
    const auto [loss, correct] =
        objective_.loss(values, {inputs, indices, labels, mix.defined() ? mix.to(device_) : mix});
    shard.gradients =
        torch::autograd::grad({loss / static_cast<double>(batch_size)}, parameters_, {}, c10::nullopt,
                              /*create_graph=*/false, /*allow_unused=*/true);
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (!shard.gradients[i].defined()) shard.gradients[i] = torch::zeros_like(parameters_[i]);
    }
    shard.loss = loss.item<double>();
    shard.correct = correct;
    shard.seconds = seconds_since(started);
    return shard;
  }

  /// Mixup: each sample of a shard gives way, in part, to the one before it. Returns the parts that stay, in
  /// [0.5, 1]; undefined when the option is off.
  Tensor mix_neighbours(Tensor& inputs, std::span<const size_t> indices, const Random& augmentation) const {
    if (options_.augmentation.mixup == 0) return {};
    Tensor mix = torch::empty({static_cast<int64_t>(indices.size())});
    for (size_t i = 0; i < indices.size(); ++i) {
      Random own = augmentation.fork(indices[i]).fork(1);
      const double part = data::draw_beta(options_.augmentation.mixup, own);
      mix.data_ptr<float>()[i] = static_cast<float>(std::max(part, 1 - part));
    }
    std::vector<int64_t> a_sample(static_cast<size_t>(inputs.dim()), 1);
    a_sample[0] = -1;
    inputs = at::lerp(inputs.roll(1, 0), inputs, mix.reshape(a_sample));
    return mix;
  }

  /// Moves the average towards the network; in the first steps it remembers less, or it would hold on to the
  /// random weights that it began with.
  void update_average(int64_t step) {
    if (average_.empty()) return;
    const torch::NoGradGuard no_gradients;
    const auto steps = static_cast<double>(step);
    const double decay = std::min(options_.ema, (1 + steps) / (10 + steps));
    for (size_t i = 0; i < average_.size(); ++i) average_[i].lerp_(network_[i], 1 - decay);
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

  /// The checkpoint stays that of the last whole epoch, whose numbers were finite.
  [[noreturn]] void fail_diverged(int epoch) const {
    std::string reason = fmt::format("the loss is no longer a finite number in epoch {}", epoch + 1);
    std::string remedy =
        fmt::format("Lower learning_rate (it is {}), or limit gradient_clip", options_.learning_rate);
    if (epoch > 0 && !hooks_.checkpoint.empty()) {
      reason += fmt::format("; it stopped, and {} holds the last good one, epoch {}",
                            hooks_.checkpoint.string(), epoch);
      remedy += ", and delete that checkpoint";
    }
    throw Error("Training", reason, remedy);
  }

  const data::Dataset& dataset_;
  const TrainOptions& options_;
  const TrainHooks& hooks_;
  data::ValidationIndices samples_;
  torch::Device device_;
  Executor executor_;
  Objective objective_;
  std::vector<Tensor> parameters_;
  std::vector<std::pair<Tensor, Tensor>> masks_;  ///< weights, and which of them may be other than zero
  std::vector<Tensor> network_;  ///< parameters and statistics; shares their values with the executor
  std::vector<Tensor> average_;  ///< the moving average of network_; empty without
  std::vector<Tensor> best_;     ///< of the best epoch on what is held out; empty without patience
  ParameterUpdate update_;
  std::optional<CoreWatch> cores_;  ///< when the number of threads is left to the machine
  std::optional<Workers> workers_;
  size_t batch_size_;
  size_t steps_per_epoch_;
};

}  // namespace

Graph train(const Graph& graph, const data::Dataset& dataset, const TrainOptions& options,
            const TrainHooks& hooks) {
  return train_quantized({graph, {}}, dataset, options, hooks).graph;
}

FakeQuantizedGraph train_quantized(const FakeQuantizedGraph& network, const data::Dataset& dataset,
                                   const TrainOptions& options, const TrainHooks& hooks) {
  check(network.graph, dataset, options);
  Training training(network, dataset, options, hooks);
  Checkpoint checkpoint;
  const bool keeps_checkpoint = !hooks.checkpoint.empty();
  if (keeps_checkpoint) {
    checkpoint.fingerprint = fingerprint(network, dataset, options);
    if (std::filesystem::exists(hooks.checkpoint)) {
      checkpoint = read_checkpoint(hooks.checkpoint, checkpoint.fingerprint, training.state_size());
      training.restore(checkpoint.state);
    }
  }
  if (hooks.on_epoch) std::for_each(checkpoint.history.begin(), checkpoint.history.end(), hooks.on_epoch);

  std::vector<EpochMetrics>& history = checkpoint.history;
  while (static_cast<int>(history.size()) < options.epochs && !has_stalled(options, history)) {
    EpochMetrics metrics = training.run_epoch(static_cast<int>(history.size()));
    training.validate(metrics, history);
    history.push_back(metrics);
    if (keeps_checkpoint) {
      checkpoint.state = training.state();
      write_checkpoint(hooks.checkpoint, checkpoint);
    }
    if (hooks.on_epoch) hooks.on_epoch(history.back());
  }
  return training.trained();
}

}  // namespace thimble::train
