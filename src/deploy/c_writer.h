#pragma once

#include <optional>
#include <string>
#include <vector>

#include "deploy/budget.h"
#include "deploy/generated_c.h"
#include "deploy/schedule.h"
#include "graph/graph.h"

namespace thimble::deploy {

struct CWriterOptions {
  std::string prefix{};  ///< begins every name; empty: the graph's name. Made an identifier either way
  std::string core{};    ///< DeviceProfile::core, whose fastest kernels are taken; empty: portable C for any
  std::optional<Budget> budget{};  ///< asserted at compile time in the generated C
  /// Of a classifier, by output; they become a macro. Empty: metadata "classes", one a line.
  std::vector<std::string> class_names{};
};

/// A valid graph as C99 without heap, recursion, or globals beside the arena (design: section 6). The same
/// graph and options give the same bytes.
///
/// Throws Error naming the node or tensor when no kernel computes it, or when an output is a constant.
GeneratedC write_c(const Graph& graph, const CWriterOptions& options = {});

/// The same with a schedule that is at hand.
GeneratedC write_c(const Graph& graph, const Schedule& schedule, const CWriterOptions& options);

}  // namespace thimble::deploy
