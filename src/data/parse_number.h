#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace thimble::data {

/// What became of a text that should be a number.
enum class Parsed { kNumber, kNotANumber, kNotFinite };

/// A whole text as a finite float32; one leading "+" is allowed. The result does not depend on the locale.
inline Parsed parse_float(std::string_view text, float& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.starts_with('+') || end != text.data() + text.size() ||
      error == std::errc::invalid_argument)
    return Parsed::kNotANumber;
  // Too small for float32 is zero, too large is not finite; from_chars calls both out of range.
  if (error == std::errc::result_out_of_range) {
    double wide = 0;
    const auto [wide_end, wide_error] = std::from_chars(text.data(), text.data() + text.size(), wide);
    if (wide_error != std::errc{} || std::abs(wide) > 1) return Parsed::kNotFinite;
    value = static_cast<float>(wide);
    return Parsed::kNumber;
  }
  return std::isfinite(value) ? Parsed::kNumber : Parsed::kNotFinite;
}

/// A whole text as an integer; false when it is none or does not fit.
inline bool parse_integer(std::string_view text, int32_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && end == text.data() + text.size() && error == std::errc{};
}

}  // namespace thimble::data
