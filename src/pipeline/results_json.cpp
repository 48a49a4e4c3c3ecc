#include "pipeline/results_json.h"

namespace thimble::pipeline {

nlohmann::json to_json(const Evaluation& evaluation) {
  return {{"samples", evaluation.samples},
          {"accuracy", evaluation.accuracy},
          {"macro_f1", evaluation.macro_f1},
          {"confusion", evaluation.confusion}};
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
