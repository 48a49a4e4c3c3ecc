#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "study/storage.h"

namespace thimble::study {

/// What a trial came to.
struct TrialOutcome {
  TrialOutcome(std::vector<Measurement> figures, std::string more = "")
      : measurements(std::move(figures)), details(std::move(more)) {}

  std::vector<Measurement> measurements;
  /// What a report shows beside them, as JSON: "metrics" (the lines of metrics.jsonl), "profiles" (by device,
  /// as deploy/results_json.h has them) and "models" (each with its SHA-256); or empty.
  std::string details;
};

/// Carries out one trial. Throws what goes wrong.
using RunTrial = std::function<TrialOutcome(const Trial& trial)>;

/// Claims and carries out trials, of `network` alone where one is named, until none is left to claim. A trial
/// that throws is recorded as failed, with what it said, and the next one is taken. `on_end` hears of each
/// trial that ends here; once `is_over`, no other one is begun.
void run_study(Storage& storage, const RunTrial& run_trial,
               const std::function<void(const Trial& ended)>& on_end = {}, std::string_view network = "",
               const std::function<bool()>& is_over = {});

}  // namespace thimble::study
