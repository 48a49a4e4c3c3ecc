#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "study/study.h"

namespace thimble::study {

/// One figure of a trial. What could not be had has no value, and `note` says why; else `note` is its basis,
/// where there is more than one ("counted", "modelled").
struct Measurement {
  std::string metric;  ///< "accuracy", "latency_ms", "energy_uj", "ram_bytes", "flash_bytes", ...
  std::string device;  ///< empty for what does not depend on one
  std::optional<double> value;
  std::string note;
};

enum class TrialState { kPending, kRunning, kDone, kFailed };

/// "pending", "running", "done", "failed"
std::string_view to_string(TrialState state);
/// The state of that word, if it is one.
std::optional<TrialState> trial_state(std::string_view word);

struct Trial {
  int64_t id = 0;  ///< from 1, in the study's order
  TrialKey key;
  std::string recipe;
  TrialState state = TrialState::kPending;
  std::string error;  ///< of a failed one
  std::vector<Measurement> measurements;
};

/// Where a study lies: which trials there are, who does them, and what they came to. Every call is atomic,
/// against other processes and against the death of this one at any moment.
class Storage {
 public:
  virtual ~Storage() = default;

  /// Takes in a study: its trials, beside those that are there already. Throws Error when another study is
  /// here: a trial that this one does not list, or one with another recipe, another input or program version.
  virtual void add(const Study& study, std::string_view version) = 0;

  /// A trial that nobody does or has done, now this process's; nothing when none is left. A trial whose
  /// process died is there for the taking again. One of a network, data and seed that nobody is at comes
  /// first: trials of the same three mostly begin with the same stages, for which one would wait. With a
  /// `network`, trials of that one alone.
  virtual std::optional<Trial> claim(std::string_view network = "") = 0;

  // End a trial that this process claimed. `details` are kept as they are.
  virtual void finish(int64_t id, const std::vector<Measurement>& measurements,
                      std::string_view details = "") = 0;
  virtual void fail(int64_t id, std::string_view error) = 0;

  /// Makes failed trials, with a `network` those of that one alone, pending again.
  virtual void retry_failed(std::string_view network = "") = 0;

  // What is there, trials by id.
  virtual std::vector<Trial> trials() = 0;
  virtual std::string details(int64_t id) = 0;  ///< empty for a trial that is not done
  virtual std::string study_text() = 0;
  virtual std::string version() = 0;
  virtual std::string command() = 0;                        ///< of the first add; empty: unknown
  virtual std::map<std::string, std::string> inputs() = 0;  ///< Study::inputs of all that was added
};

}  // namespace thimble::study
