#pragma once

#include <string>

#include "study/storage.h"

namespace thimble::report {

/// One HTML page on a study, finished or not: every cell's figures with deviation and interval, intervals of
/// accuracy and Pareto fronts as drawings whose points name themselves, each test with its sentence in words,
/// J, failed trials, and where all of it comes from.
std::string study_html(study::Storage& storage);

/// The cells as CSV (RFC 4180): network, data, technique, metric, device, n, mean, deviation, low, high,
/// note.
std::string study_csv(study::Storage& storage);

/// The whole analysis (study::analyse) as JSON.
std::string study_json(study::Storage& storage);

}  // namespace thimble::report
