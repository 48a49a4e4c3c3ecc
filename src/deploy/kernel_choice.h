#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/memory_plan.h"
#include "graph/graph.h"
#include "graph/kernel_call.h"

namespace thimble::deploy {

/// Integer weights in the order in which a kernel reads them.
struct WeightLayout {
  std::string name;               ///< layouts of one name give the same array for the same tensor
  std::string_view c_type;        ///< "uint32_t", "uint8_t", "int8_t": of the array's elements
  std::vector<int64_t> elements;  ///< each in the range of c_type
  size_t bytes = 0;               ///< that the array takes in flash
};

/// A kernel that computes a node on some core, and what it needs.
struct KernelChoice {
  KernelName kernel;
  size_t scratch_bytes = 0;  ///< of the arena, while it runs
  /// Numbers that the kernel takes beside its parameters: how it cuts the work.
  std::vector<int32_t> extents;
  /// The node's weights as the kernel reads them; empty: as the graph holds them, one a byte.
  std::function<WeightLayout(const Tensor& weights)> layout;
  /// What the kernel takes in place of bias, multipliers and shifts, if it does: an array for all channels.
  std::vector<int32_t> factors{};
  std::string why;  ///< one line for people: what the kernel does, or what stands against a faster one
  /// How far its output may lie over its inputs (kernel_overlap.h has the rules); an input without a rule
  /// stays apart.
  std::vector<Overlap> overlaps{};
  std::optional<size_t> in_place{};  ///< NodeMemory::in_place
  /// Estimated, to compare the ways in which this kernel can cut the work; 0 where there is one way.
  int64_t cycles = 0;
  bool only_if_free = false;  ///< takes so much scratch that it is chosen only where the arena does not grow
};

/// The kernels that compute a node on a core (DeviceProfile::core; "" is any), best first. The generic one is
/// always the last, and every one gives the same bytes. Arguments of a kernel are generic_kernel's, or
/// factors in place of some; a kernel with scratch or extents takes them, in this order, before the output.
std::vector<KernelChoice> kernel_candidates(const Graph& graph, const Node& node, std::string_view core);

}  // namespace thimble::deploy
