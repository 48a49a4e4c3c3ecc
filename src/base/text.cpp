#include "base/text.h"

#include <fmt/format.h>

namespace thimble {

std::string grouped(uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (auto i = static_cast<ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<size_t>(i), 1, ',');
  return digits;
}

std::string percent(double fraction) { return fmt::format("{:.2f} %", fraction * 100); }

}  // namespace thimble
