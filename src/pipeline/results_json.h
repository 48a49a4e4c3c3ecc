#pragma once

#include <nlohmann/json.hpp>

#include "pipeline/evaluate.h"
#include "train/trainer.h"

namespace thimble::pipeline {

/// {"samples", "accuracy", "macro_f1", "confusion"}
nlohmann::json to_json(const Evaluation& evaluation);

/// A line of metrics.jsonl: {"stage": "train", "epoch", "loss", "accuracy", "learning_rate",
/// "images_per_second"}
nlohmann::json to_json(const train::EpochMetrics& metrics);

}  // namespace thimble::pipeline
