#pragma once

#include <nlohmann/json.hpp>

#include "deploy/profile.h"
#include "deploy/verify.h"

namespace thimble::deploy {

// As the command line's --json prints them. What is not known is null.
nlohmann::json to_json(const Verification& verification);
nlohmann::json to_json(const Profile& profile);

}  // namespace thimble::deploy
