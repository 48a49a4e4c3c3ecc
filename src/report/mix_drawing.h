#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace thimble::report {

/// A figure of accuracy against bytes over the mixes of 8 and 4 bits that were measured, from the "mixed" of
/// a quantization's results (pipeline/results_json.h).
std::string mix_drawing(const nlohmann::json& mixed);

/// A page of it: of what was made of `model`.
std::string mix_html(std::string_view model, const nlohmann::json& mixed);

}  // namespace thimble::report
