#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/toml_table.h"
#include "deploy/profile.h"

namespace thimble::deploy {

/// Hard limits on what a network costs and reaches; one that is not given does not bind.
struct Limits {
  std::optional<double> accuracy{};  ///< at least, of the deployed network on the whole test split
  std::optional<int64_t> ram_bytes{};
  std::optional<int64_t> flash_bytes{};
  std::optional<double> latency_ms{};
  std::optional<double> energy_uj{};
};

/// A table of limits by these names. Throws Error with the line for an unknown key and a value out of range.
Limits parse_limits(TomlTable table);

/// Limits as parse_limits reads them, a line each.
std::string lines_of(const Limits& limits);

/// A limit that is not met.
struct Miss {
  std::string text;   ///< "latency is 44.62 ms, allowed is at most 20.00 ms: 123.0 % over"
  double factor = 0;  ///< by how much, above 1; infinite where the figure is not known
};

/// The limits that a profile and an accuracy do not meet, the nearest miss first. What was not measured
/// misses its limit.
std::vector<Miss> misses(const Limits& limits, const std::optional<Profile>& profile,
                         std::optional<double> accuracy);

}  // namespace thimble::deploy
