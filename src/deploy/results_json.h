#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "deploy/profile.h"
#include "deploy/verify.h"

namespace thimble::deploy {

// As the command line's --json prints them. What is not known is null.
nlohmann::json to_json(const Verification& verification);
nlohmann::json to_json(const Profile& profile);

/// JSON as text, lines indented by two. What is no UTF-8 in it, as a layer's name from a model's file may be,
/// is replaced.
std::string text_of(const nlohmann::json& document);

}  // namespace thimble::deploy
