#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace thimble::report {

/// A profile (deploy/results_json.h) layer by layer: a table with bars of cycles, and the memory that is live
/// while each layer runs, in their order. Empty when it has no layers.
std::string profile_section(const nlohmann::json& profile);

}  // namespace thimble::report
