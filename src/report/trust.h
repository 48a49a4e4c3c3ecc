#pragma once

#include <string>
#include <vector>

namespace thimble::report {

/// How far the times of devices can be trusted: a paragraph each, as HTML.
std::string trust(const std::vector<std::string>& devices);

}  // namespace thimble::report
