#pragma once

#include <cstdint>
#include <string>

namespace thimble {

/// A whole number with its digits in groups: "12,345,678".
std::string grouped(uint64_t number);

/// A fraction of one in percent, two decimals: "99.31 %".
std::string percent(double fraction);

}  // namespace thimble
