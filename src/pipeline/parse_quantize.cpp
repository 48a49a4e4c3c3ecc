#include "pipeline/parse_quantize.h"

#include <fmt/format.h>

#include <sstream>
#include <string>

#include "train/parse_options.h"

namespace thimble::pipeline {
namespace {

constexpr int64_t kMost = int64_t{1} << 40;

/// The words of "improve" switch on what improves on rounding to the nearest.
void parse_improvements(TomlTable& table, bool is_qat, quantize::PostTrainingOptions& options) {
  std::istringstream words(table.text("improve"));
  std::string word;
  while (words >> word) {
    if (is_qat && (word == "rounding" || word == "bias")) {
      table.fail("improve", fmt::format("names \"{}\" beside method = \"qat\"", word),
                 "Training moves roundings and biases itself: take equalize, or none");
    }
    if (word == "equalize") {
      options.equalize = true;
    } else if (word == "scales") {
      options.least_squares_scales = true;
    } else if (word == "rounding") {
      options.adaptive_rounding = true;
    } else if (word == "bias") {
      options.bias_correction = true;
    } else if (word != "none") {
      table.fail("improve", fmt::format("names \"{}\"", word),
                 "Take some of equalize, scales, rounding, bias, with blanks between them, or none");
    }
  }
}

quantize::MixOptions parse_mix(TomlTable& table) {
  quantize::MixOptions mix;
  if (table.has("weights_bytes")) mix.limits.bytes = table.integer("weights_bytes", 1, kMost);
  if (table.has("cycles")) mix.limits.cycles = table.integer("cycles", 1, kMost);
  if (table.has("accuracy_loss")) mix.accuracy_loss = table.number("accuracy_loss", 0, 100) / 100;
  return mix;
}

int32_t parse_bits(TomlTable& table, std::string_view key, int64_t otherwise) {
  const int64_t bits = table.integer(key, 2, 8, otherwise);
  if (bits > 4 && bits < 8) table.fail(key, fmt::format("is {}", bits), "Take 8, 4, 3 or 2");
  return static_cast<int32_t>(bits);
}

int32_t parse_activations(TomlTable& table, std::string_view key) {
  const int64_t bits = table.integer(key, 8, 16, 8);
  if (bits != 8 && bits != 16) table.fail(key, fmt::format("is {}", bits), "Take 8 or 16");
  return static_cast<int32_t>(bits);
}

}  // namespace

quantize::Options parse_quantize(TomlTable& table) {
  quantize::Options options;
  quantize::PostTrainingOptions& start = options.post_training;
  const bool is_qat = table.has("method") && table.choice("method", {"ptq", "qat"}) == "qat";
  bool has_few_bits = false;
  if (table.is_text("bits")) {
    table.choice("bits", {"mixed"});
    has_few_bits = true;
    options.mix = parse_mix(table);
  } else {
    start.weights.bits = parse_bits(table, "bits", 8);
    if (auto layers = table.table("layer_bits")) {
      for (const std::string& layer : layers->keys()) {
        start.weights.layers[layer] = {parse_bits(*layers, layer, 8)};
        has_few_bits |= start.weights.layers[layer].bits < 8;
      }
    }
    has_few_bits |= start.weights.bits < 8;
  }
  start.weights.activations = parse_activations(table, "activations");
  if (auto layers = table.table("layer_activations")) {
    for (const std::string& layer : layers->keys()) {
      start.weights.layer_activations[layer] = parse_activations(*layers, layer);
    }
    if (is_qat) {
      table.fail("layer_activations", "stands beside method = \"qat\"",
                 "Training takes the same bits of activations everywhere: activations = 8 or 16");
    }
  }
  start.samples = static_cast<size_t>(table.integer("samples", 1, 1000000, 500));
  if (table.has("calibration")) {
    std::vector<std::string> rules = quantize::range_rule_names();
    rules.emplace_back("auto");
    const std::string rule = table.choice("calibration", rules);
    start.choose_rule = rule == "auto";
    if (!start.choose_rule) start.calibration.rule = quantize::range_rule_named(rule);
    if (start.weights.activations == 16 && (rule == "mse" || rule == "entropy")) {
      table.fail("calibration",
                 fmt::format("weighs steps of 8 bits by \"{}\", and activations have 16", rule),
                 "Take \"min-max\", which clips nothing; 16 bits have steps enough");
    }
  }
  if (table.has("percentile")) {
    const bool is_read = start.choose_rule || start.calibration.rule == quantize::RangeRule::kPercentile;
    if (!is_read)
      table.fail("percentile", "is of another calibration", "Add calibration = \"percentile\", or \"auto\"");
    start.calibration.percentile = table.number("percentile", 50, 100);
    if (start.calibration.percentile == 50) table.fail("percentile", "is 50", "Give one above: 99.99, say");
  }
  if (table.has("improve")) {
    parse_improvements(table, is_qat, start);
  } else if (has_few_bits) {
    // Few steps need what eight bits can do without.
    start.least_squares_scales = start.adaptive_rounding = start.bias_correction = true;
  }
  if (is_qat) {
    options.training = train::parse_options(table, quantize::default_training());
    options.distills = table.flag("distill", false);
  }
  return options;
}

void set_seed(quantize::Options& options, uint64_t seed) {
  options.post_training.seed = seed;
  if (options.training) options.training->seed = seed;
}

}  // namespace thimble::pipeline
