#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace thimble {

/// A whole number with its digits in groups: "12,345,678".
std::string grouped(uint64_t number);

/// A fraction of one in percent, two decimals: "99.31 %".
std::string percent(double fraction);

bool starts_with_one_of(std::string_view text, std::initializer_list<std::string_view> starts);

}  // namespace thimble
