#include "compress/quantize/post_training.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <span>

#include "base/error.h"
#include "compress/quantize/equalize.h"
#include "compress/quantize/fake_quantized.h"
#include "compress/quantize/weight_fits.h"
#include "graph/fold_batch_norm.h"
#include "graph/fuse_activations.h"
#include "train/fit_layers.h"

namespace thimble::quantize {

Graph folded_graph(const Graph& graph) {
  if (is_quantized(graph)) {
    throw Error(graph.name, "is quantized already", "Give the float32 model that it was made from");
  }
  return fuse_activations(without_batch_norm(graph));
}

RangeRule nearest_rule(const Graph& graph, const data::Dataset& dataset, const PostTrainingOptions& options) {
  const Graph folded = folded_graph(graph);
  const auto samples = data::draw_by_class(dataset, options.samples, Random(options.seed));
  const FidelityMeter meter(folded, dataset, samples, options.threads);
  CalibrationOptions calibration = options.calibration;
  // With weights of 8 bits, whatever they become later: what they lose must not hide what the ranges do.
  const QuantizeOptions of_8_bits = with_weights_of_8_bits(options.weights);
  const auto divergence = [&](const std::string& name) {
    calibration.rule = range_rule_named(name);
    const Graph integer =
        quantize_from_ranges(folded, calibrate(folded, dataset, samples, calibration), of_8_bits);
    return meter.measure(fake_quantized(folded, integer)).divergence;
  };
  return range_rule_named(std::ranges::min(range_rule_names(), {}, divergence));
}

PostTraining post_training(const Graph& graph, const data::Dataset& dataset,
                           const PostTrainingOptions& options) {
  Graph folded = folded_graph(graph);
  PostTraining result;
  result.samples = data::draw_by_class(dataset, options.samples, Random(options.seed));
  CalibrationOptions calibration = options.calibration;
  if (options.choose_rule) {
    calibration.rule = nearest_rule(graph, dataset, options);
  }
  std::vector<Range> ranges = calibrate(folded, dataset, result.samples, calibration);
  QuantizeOptions weights = options.weights;
  const auto round = [&] {
    result.integer = quantize_from_ranges(folded, ranges, weights);
    result.network = fake_quantized(folded, result.integer);
  };
  round();

  std::vector<std::string> steps = {std::string(name_of(calibration.rule))};
  std::optional<FidelityMeter> meter;
  const auto note_gain = [&](const std::string& step) {
    if (!meter) return;
    result.gains.push_back({step, meter->measure(result.network)});
    if (result.gains.size() > 1) steps.push_back(step);
  };
  if (options.equalize || options.least_squares_scales || options.adaptive_rounding ||
      options.bias_correction) {
    meter.emplace(folded, dataset, result.samples, options.threads);
  }
  note_gain("rounding to the nearest");
  if (options.equalize) {
    Equalization equalization = equalize(folded);
    folded = std::move(equalization.graph);
    if (!equalization.skipped.empty()) {
      result.notes.push_back(fmt::format("not equalized, for a Relu6 lies between them: {}",
                                         fmt::join(equalization.skipped, ", ")));
    }
    ranges = calibrate(folded, dataset, result.samples, calibration);
    round();
    note_gain("equalization");
  }
  if (options.least_squares_scales) {
    weights = least_squares_scales(folded, weights);
    round();
    note_gain("least-squares scales");
  }
  const auto fit = [&](const train::LayerFit& layer_fit, const std::string& step) {
    result.network.graph = train::fit_layers(result.network, folded, dataset, result.samples, layer_fit);
    ranges.resize(result.network.graph.tensors.size());  // weights that a layer has for itself there
    result.integer =
        quantize_from_ranges(result.network.graph, ranges, with_scales_of(result.network, weights));
    note_gain(step);
  };
  if (options.adaptive_rounding) fit(adaptive_rounding(result.network), "adaptive rounding");
  if (options.bias_correction) fit(bias_correction(result.network), "bias correction");
  result.integer.metadata["calibration"] =
      fmt::format("{}, {} samples of {}, seed {}", fmt::join(steps, " + "), result.samples.size(),
                  dataset.name, options.seed);
  return result;
}

Graph post_training_quantize(const Graph& graph, const data::Dataset& dataset,
                             const PostTrainingOptions& options) {
  return post_training(graph, dataset, options).integer;
}

}  // namespace thimble::quantize
