#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "study/storage.h"

namespace thimble::study {

/// Carries out one trial and returns its figures. Throws what goes wrong.
using RunTrial = std::function<std::vector<Measurement>(const Trial& trial)>;

/// Claims and carries out trials, of `network` alone where one is named, until none is left to claim. A trial
/// that throws is recorded as failed, with what it said, and the next one is taken. `on_end` hears of each
/// trial that ends here.
void run_study(Storage& storage, const RunTrial& run_trial,
               const std::function<void(const Trial& ended)>& on_end = {}, std::string_view network = "");

}  // namespace thimble::study
