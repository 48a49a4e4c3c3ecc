#include "pipeline/parse_json.h"

namespace thimble::pipeline {

nlohmann::json parse_json(std::string_view text) {
  constexpr int kDeepest = 100;
  bool is_too_deep = false;
  const auto look = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    is_too_deep |= depth > kDeepest;
    return depth <= kDeepest;
  };
  nlohmann::json value = nlohmann::json::parse(text, look, false);
  return is_too_deep ? nlohmann::json(nlohmann::json::value_t::discarded) : value;
}

}  // namespace thimble::pipeline
