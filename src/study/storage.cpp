#include "study/storage.h"

#include <algorithm>
#include <array>

namespace thimble::study {
namespace {

constexpr std::array<std::string_view, 4> kStates = {"pending", "running", "done", "failed"};

}  // namespace

std::string_view to_string(TrialState state) { return kStates.at(static_cast<size_t>(state)); }

std::optional<TrialState> trial_state(std::string_view word) {
  const auto* place = std::find(kStates.begin(), kStates.end(), word);
  if (place == kStates.end()) return std::nullopt;
  return static_cast<TrialState>(place - kStates.begin());
}

}  // namespace thimble::study
