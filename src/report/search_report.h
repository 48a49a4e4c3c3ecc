#pragma once

#include <string>

#include "study/storage.h"

namespace thimble::report {

/// One HTML page on a search, finished or not: its front, the knee and what was chosen, hypervolume over the
/// candidates, recipes, and where all of it comes from. It needs no network and no other file. Throws Error
/// where nothing was measured yet, or not the whole network in 8 bits.
std::string search_html(study::Storage& storage);

/// Every candidate with its figures, a line each.
std::string search_csv(study::Storage& storage);
std::string search_json(study::Storage& storage);

}  // namespace thimble::report
