#pragma once

#include <nlohmann/json.hpp>

#include "compress/quantize/quantize.h"
#include "pipeline/evaluate.h"
#include "train/trainer.h"

namespace thimble::pipeline {

/// {"samples", "accuracy", "macro_f1", "confusion"}
nlohmann::json to_json(const Evaluation& evaluation);

/// {"samples", "gains": what each step did to the calibration samples, "notes", "mixed": {"layers", "front",
/// "chosen"} where widths were chosen}; "cycles" are null where no device counted them, "accuracy" where a
/// mix of the front was not measured.
nlohmann::json to_json(const quantize::Result& result);

/// A line of metrics.jsonl: {"stage": "train", "epoch", "loss", "accuracy", "learning_rate",
/// "images_per_second"}
nlohmann::json to_json(const train::EpochMetrics& metrics);

}  // namespace thimble::pipeline
