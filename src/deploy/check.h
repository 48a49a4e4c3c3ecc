#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "deploy/budget.h"

namespace thimble::deploy {

/// What stands between a model and a device, found without building anything.
struct Check {
  std::vector<Finding> problems;            ///< nodes that no kernel computes
  std::vector<Excess> excesses;             ///< memories that are too small
  std::map<std::string, size_t> operators;  ///< how many nodes of each
  uint64_t macs = 0;
  size_t arena_bytes = 0;               ///< exact: the memory plan's
  size_t arena_lower_bound_bytes = 0;   ///< no plan can do with less
  std::optional<size_t> weights_bytes;  ///< all constants in flash; nothing where there are problems
};

/// Checks a prepared graph (deploy/prepare.h) against a device's memories: every node's kernel, and the exact
/// memory plan and the constants in flash as they are with the kernels of its core. Code and stack come on
/// top.
Check check(const Graph& graph, const device::DeviceProfile& device);

}  // namespace thimble::deploy
