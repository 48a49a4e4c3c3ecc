#include "compress/quantize/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "compress/quantize/fake_quantized.h"
#include "compress/quantize/weight_fits.h"

namespace thimble::quantize {
namespace {

/// The accuracy of who always says the same class.
double accuracy_of_guessing(const data::Dataset& dataset) {
  std::map<int32_t, size_t> counts;
  for (const int32_t label : dataset.labels) ++counts[label];
  size_t most = 0;
  for (const auto& [label, count] : counts) most = std::max(most, count);
  return static_cast<double>(most) / static_cast<double>(std::max<size_t>(dataset.labels.size(), 1));
}

/// Training that drives a network apart leaves it guessing, with a loss that is finite.
train::TrainHooks that_stop_when_worse(train::TrainHooks hooks, double accuracy_before, double guessing,
                                       const train::TrainOptions& training) {
  hooks.on_epoch = [on_epoch = std::move(hooks.on_epoch), accuracy_before, guessing,
                    checkpoint = hooks.checkpoint.string(),
                    rate = training.learning_rate](const train::EpochMetrics& epoch) {
    if (on_epoch) on_epoch(epoch);
    // Augmentation makes training samples harder than those before: most of what was known must be lost.
    const double known = accuracy_before - guessing;
    if (epoch.accuracy >= (known > 0 ? guessing + known / 4 : accuracy_before / 2)) return;
    throw Error("Quantization-aware training",
                fmt::format("drives the network apart: {:.1f} % right in epoch {}, {:.1f} % before training",
                            100 * epoch.accuracy, epoch.epoch, 100 * accuracy_before),
                fmt::format("Train with a lower rate, such as learning_rate = {:.2g}{}", rate / 10,
                            checkpoint.empty() ? "" : ", and delete " + checkpoint));
  };
  return hooks;
}

std::string taught_by(size_t teachers, bool by_itself) {
  if (teachers == 0) return "";
  if (teachers == 1) return by_itself ? ", taught by the float32 network" : ", taught by another network";
  return fmt::format(", taught by {} networks", teachers);
}

}  // namespace

train::TrainOptions default_training() {
  train::TrainOptions options;
  options.epochs = 5;
  options.batch_size = 64;
  options.learning_rate = 0.003;
  options.warmup = 0.1;
  options.weight_decay = 1e-4;
  return options;
}

Result quantize(const Graph& graph, const data::Dataset& dataset, const Options& options,
                const train::TrainHooks& hooks) {
  Result result;
  PostTrainingOptions start = options.post_training;
  if (options.mix && start.choose_rule) {
    // For the mixes, too.
    start.calibration.rule = nearest_rule(graph, dataset, start);
    start.choose_rule = false;
  }
  if (options.mix) {
    result.mixed = mixed_precision(graph, dataset, start, *options.mix);
    start.weights = with_weights_of_8_bits(start.weights);
    for (const auto& [layer, bits] : result.mixed->chosen.bits) start.weights.layers[layer] = {bits};
  }
  if (options.training) {
    // Training begins where the weights' own error is least; it moves biases and roundings itself.
    start.least_squares_scales = true;
    start.adaptive_rounding = start.bias_correction = false;
  }
  result.post_training = post_training(graph, dataset, start);
  result.integer = result.post_training.integer;
  if (!options.training) return result;
  train::TrainOptions training = *options.training;
  if (options.distills) training.distillation.teachers.push_back(folded_graph(graph));
  result.trained =
      train::train_quantized(result.post_training.network, dataset, training,
                             that_stop_when_worse(hooks, result.post_training.gains.back().fidelity.accuracy,
                                                  accuracy_of_guessing(dataset), training));
  result.integer = integer_form(*result.trained, start.weights);
  result.integer.metadata["calibration"] =
      fmt::format("{}; {} epochs of training with learned step sizes{}, seed {}",
                  result.post_training.integer.metadata.at("calibration"), training.epochs,
                  taught_by(training.distillation.teachers.size(), options.distills), training.seed);
  return result;
}

}  // namespace thimble::quantize
