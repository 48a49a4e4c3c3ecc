#include "deploy/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "base/text.h"

namespace thimble::deploy {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 40;

template <typename T>
std::optional<double> number(const std::optional<T>& value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

}  // namespace

Limits parse_limits(TomlTable table) {
  Limits limits;
  if (table.has("accuracy")) limits.accuracy = table.number("accuracy", 0, 1);
  if (table.has("ram_bytes")) limits.ram_bytes = table.integer("ram_bytes", 1, kMostBytes);
  if (table.has("flash_bytes")) limits.flash_bytes = table.integer("flash_bytes", 1, kMostBytes);
  if (table.has("latency_ms")) limits.latency_ms = table.number("latency_ms", 0, 1e9);
  if (table.has("energy_uj")) limits.energy_uj = table.number("energy_uj", 0, 1e12);
  table.expect_no_other_keys();
  return limits;
}

std::string lines_of(const Limits& limits) {
  std::string text;
  const auto add = [&](const char* name, const auto& value) {
    if (value) text += fmt::format("{} = {}\n", name, *value);
  };
  add("accuracy", limits.accuracy);
  add("ram_bytes", limits.ram_bytes);
  add("flash_bytes", limits.flash_bytes);
  add("latency_ms", limits.latency_ms);
  add("energy_uj", limits.energy_uj);
  return text;
}

std::vector<Miss> misses(const Limits& limits, const std::optional<Profile>& profile,
                         std::optional<double> accuracy) {
  std::vector<Miss> result;
  const auto check = [&](const char* name, std::optional<double> allowed, std::optional<double> measured,
                         const std::function<std::string(double)>& text, bool at_least = false) {
    if (!allowed || (measured && (at_least ? *measured >= *allowed : *measured <= *allowed))) return;
    const std::string bound =
        fmt::format("allowed is {} {}", at_least ? "at least" : "at most", text(*allowed));
    if (!measured) {
      result.push_back({fmt::format("{} is not known{}, {}", name,
                                    profile && !profile->why.empty() ? " (" + profile->why + ")" : "", bound),
                        std::numeric_limits<double>::infinity()});
      return;
    }
    const double factor =
        at_least ? *allowed / std::max(*measured, 1e-12) : *measured / std::max(*allowed, 1e-12);
    result.push_back({at_least ? fmt::format("{} is {}, {}", name, text(*measured), bound)
                               : fmt::format("{} is {}, {}: {:.1f} % over", name, text(*measured), bound,
                                             100 * (factor - 1)),
                      factor});
  };
  const auto bytes = [](double value) { return grouped(static_cast<uint64_t>(value)) + " B"; };
  const bool known = profile.has_value();
  check("accuracy", limits.accuracy, accuracy, percent, true);
  check("RAM", number(limits.ram_bytes), known ? number(profile->ram_bytes) : std::nullopt, bytes);
  check("flash", number(limits.flash_bytes), known ? number(profile->flash_bytes) : std::nullopt, bytes);
  check("latency", limits.latency_ms,
        known && profile->latency ? std::optional(profile->latency->latency_ms) : std::nullopt,
        [](double ms) { return fmt::format("{:.2f} ms", ms); });
  check("energy", limits.energy_uj,
        known && profile->energy ? std::optional(profile->energy->energy_uj) : std::nullopt,
        [](double uj) { return fmt::format("{:.1f} uJ", uj); });
  std::ranges::stable_sort(result, {}, &Miss::factor);
  return result;
}

}  // namespace thimble::deploy
