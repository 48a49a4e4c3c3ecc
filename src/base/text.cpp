#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace thimble {

std::string grouped(uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (auto i = static_cast<ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<size_t>(i), 1, ',');
  return digits;
}

std::string percent(double fraction) { return fmt::format("{:.2f} %", fraction * 100); }

bool starts_with_one_of(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [&](std::string_view start) { return text.starts_with(start); });
}

}  // namespace thimble
