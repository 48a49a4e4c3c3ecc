#include "study/run_study.h"

#include <exception>

namespace thimble::study {

void run_study(Storage& storage, const RunTrial& run_trial,
               const std::function<void(const Trial& ended)>& on_end, std::string_view network,
               const std::function<bool()>& is_over) {
  while (!is_over || !is_over()) {
    std::optional<Trial> trial = storage.claim(network);
    if (!trial) return;
    std::string details;
    try {
      TrialOutcome outcome = run_trial(*trial);
      trial->measurements = std::move(outcome.measurements);
      details = std::move(outcome.details);
      trial->state = TrialState::kDone;
    } catch (const std::exception& error) {
      trial->error = error.what();
      trial->state = TrialState::kFailed;
    }
    if (trial->state == TrialState::kDone) {
      storage.finish(trial->id, trial->measurements, details);
    } else {
      storage.fail(trial->id, trial->error);
    }
    if (on_end) on_end(*trial);
  }
}

}  // namespace thimble::study
