#include "compress/prune/granularity.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"

namespace thimble::prune {
namespace {

/// In the order of the enumeration.
constexpr std::array<std::string_view, 6> kNames = {"filter",    "channel",   "kernel",
                                                    "block-1x4", "block-4x1", "weight"};

}  // namespace

Granularity granularity_named(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Granularity>(i);
  }
  throw Error(fmt::format("The granularity '{}'", name), "is not known",
              "Take filter, channel, kernel, block-1x4, block-4x1 or weight", ExitCode::kUsage);
}

std::string_view name_of(Granularity granularity) { return kNames[static_cast<size_t>(granularity)]; }

}  // namespace thimble::prune
