#include "pipeline/results_json.h"

namespace thimble::pipeline {

nlohmann::json to_json(const Evaluation& evaluation) {
  return {{"samples", evaluation.samples},
          {"accuracy", evaluation.accuracy},
          {"macro_f1", evaluation.macro_f1},
          {"confusion", evaluation.confusion}};
}

namespace {

nlohmann::json to_json(const quantize::Mix& mix) {
  return {{"bits", mix.bits},
          {"weights_bytes", mix.bytes},
          {"cycles", mix.cycles > 0 ? nlohmann::json(mix.cycles) : nlohmann::json()},
          {"divergence", mix.divergence},
          {"accuracy", mix.accuracy ? nlohmann::json(*mix.accuracy) : nlohmann::json()}};
}

nlohmann::json to_json(const quantize::MixedPrecision& mixed) {
  nlohmann::json layers = nlohmann::json::array();
  for (const quantize::LayerWidths& layer : mixed.layers) {
    for (const quantize::WidthChoice& width : layer.widths) {
      layers.push_back({{"layer", layer.layer},
                        {"bits", width.bits},
                        {"weights_bytes", width.bytes},
                        {"cycles", width.cycles > 0 ? nlohmann::json(width.cycles) : nlohmann::json()},
                        {"divergence", width.divergence}});
    }
  }
  nlohmann::json front = nlohmann::json::array();
  for (const quantize::Mix& mix : mixed.front) front.push_back(to_json(mix));
  return {{"layers", layers}, {"front", front}, {"chosen", to_json(mixed.chosen)}};
}

}  // namespace

nlohmann::json to_json(const quantize::Result& result) {
  nlohmann::json gains = nlohmann::json::array();
  for (const quantize::Gain& gain : result.post_training.gains) {
    gains.push_back({{"step", gain.step},
                     {"divergence", gain.fidelity.divergence},
                     {"accuracy", gain.fidelity.accuracy},
                     {"signal_to_noise_db", gain.fidelity.signal_to_noise_db}});
  }
  nlohmann::json document = {{"samples", result.post_training.samples.size()},
                             {"gains", gains},
                             {"notes", result.post_training.notes}};
  if (result.mixed) document["mixed"] = to_json(*result.mixed);
  return document;
}

nlohmann::json to_json(const train::EpochMetrics& metrics) {
  nlohmann::json row = {{"stage", "train"},
                        {"epoch", metrics.epoch},
                        {"loss", metrics.loss},
                        {"accuracy", metrics.accuracy},
                        {"learning_rate", metrics.learning_rate},
                        {"images_per_second", metrics.images_per_second},
                        {"loading_share", metrics.loading_share}};
  if (metrics.validation_accuracy) row["validation_accuracy"] = *metrics.validation_accuracy;
  return row;
}

}  // namespace thimble::pipeline
