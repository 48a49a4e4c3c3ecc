#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace thimble::pipeline {

/// A text as JSON: a discarded value where it is none, and where its values lie more than a hundred deep in
/// each other, which the stack would not hold when the value is copied or written.
nlohmann::json parse_json(std::string_view text);

}  // namespace thimble::pipeline
