#include "compress/quantize/calibrate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "compress/quantize/choose_range.h"
#include "compress/quantize/value_histogram.h"
#include "train/observe.h"

namespace thimble::quantize {
namespace {

constexpr std::array<std::pair<std::string_view, RangeRule>, 5> kRules = {
    {{"min-max", RangeRule::kMinMax},
     {"moving-average", RangeRule::kMovingAverage},
     {"percentile", RangeRule::kPercentile},
     {"mse", RangeRule::kMse},
     {"entropy", RangeRule::kEntropy}}};

/// What is known of a tensor's values.
struct Seen {
  Range range{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  double average_low = 0;
  double average_high = 0;
  size_t samples = 0;
  std::optional<ValueHistogram> histogram;
};

Range range_of(std::span<const float> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high};
}

void see_samples(Seen& seen, std::span<const float> values, size_t elements, double momentum) {
  for (size_t first = 0; first < values.size(); first += elements) {
    const Range range = range_of(values.subspan(first, elements));
    ++seen.samples;
    // The first samples count alike: the average has nothing older to keep.
    const double weight = std::max(1 - momentum, 1.0 / static_cast<double>(seen.samples));
    seen.average_low += weight * (range.low - seen.average_low);
    seen.average_high += weight * (range.high - seen.average_high);
  }
}

Range chosen_range(const Seen& seen, RangeRule rule, double percentile) {
  if (seen.histogram) {
    const std::vector<ValueHistogram::Bin> bins = seen.histogram->bins();
    if (rule == RangeRule::kPercentile) return percentile_range(bins, percentile);
    return rule == RangeRule::kMse ? least_squares_range(bins) : least_divergence_range(bins);
  }
  if (rule == RangeRule::kMovingAverage && seen.samples > 0) {
    return {static_cast<float>(seen.average_low), static_cast<float>(seen.average_high)};
  }
  return seen.range;
}

void check(const CalibrationOptions& options, std::span<const size_t> indices) {
  if (indices.empty()) {
    throw Error("calibration", "has no samples", "Give at least one sample, better some hundreds");
  }
  if (!(options.percentile > 50 && options.percentile <= 100)) {
    throw Error("calibration", fmt::format("has a percentile of {}", options.percentile),
                "Give one above 50 and up to 100, such as 99.99");
  }
  if (!(options.momentum >= 0 && options.momentum < 1)) {
    throw Error("calibration", fmt::format("has a momentum of {}", options.momentum),
                "Give one from 0 to below 1, such as 0.99");
  }
}

}  // namespace

std::string_view name_of(RangeRule rule) {
  return std::ranges::find(kRules, rule, &std::pair<std::string_view, RangeRule>::second)->first;
}

std::vector<std::string> range_rule_names() {
  std::vector<std::string> names;
  for (const auto& [name, rule] : kRules) names.emplace_back(name);
  return names;
}

RangeRule range_rule_named(std::string_view name) {
  for (const auto& [known, rule] : kRules) {
    if (known == name) return rule;
  }
  throw Error("calibration", fmt::format("has no rule \"{}\"", name),
              fmt::format("Take one of {}", fmt::join(range_rule_names(), ", ")));
}

std::vector<Range> calibrate(const Graph& graph, const data::Dataset& dataset,
                             std::span<const size_t> indices, const CalibrationOptions& options) {
  check(options, indices);
  const auto is_image_input = [&](TensorId id) {
    return dataset.is_image() && std::ranges::count(graph.inputs, id) > 0;
  };
  std::vector<Seen> tensors(graph.tensors.size());
  train::observe(graph, dataset, indices, [&](TensorId id, std::span<const float> values) {
    if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
      throw Error(fmt::format("Tensor '{}'", graph.tensor(id).name), "is not finite on a calibration sample",
                  "The network diverged in training: train it again with a lower learning rate");
    }
    if (is_image_input(id)) return;
    Seen& seen = tensors[static_cast<size_t>(id)];
    switch (options.rule) {
      case RangeRule::kMinMax: {
        const Range range = range_of(values);
        seen.range = {std::min(seen.range.low, range.low), std::max(seen.range.high, range.high)};
        break;
      }
      case RangeRule::kMovingAverage:
        see_samples(seen, values, graph.tensor(id).elements(), options.momentum);
        break;
      case RangeRule::kPercentile:
      case RangeRule::kMse:
      case RangeRule::kEntropy:
        if (!seen.histogram) seen.histogram.emplace();
        seen.histogram->add(values);
        break;
    }
  });
  std::vector<Range> ranges;
  for (size_t id = 0; id < tensors.size(); ++id) {
    const bool is_input = is_image_input(static_cast<TensorId>(id));
    ranges.push_back(is_input ? Range{0, 1} : chosen_range(tensors[id], options.rule, options.percentile));
  }
  return ranges;
}

}  // namespace thimble::quantize
