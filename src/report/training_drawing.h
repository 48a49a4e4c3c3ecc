#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace thimble::report {

/// Accuracy on the training samples epoch by epoch through all stages of a run, from the lines of its
/// metrics.jsonl; a rule and a name where each stage begins, and the accuracy at its end, on the test split
/// or what was held out. Empty for a run of fewer than two epochs.
std::string training_drawing(const std::vector<nlohmann::json>& metrics);

}  // namespace thimble::report
