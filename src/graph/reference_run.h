#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace thimble {

/// Runs a graph on the portable C99 kernels, the definition of what an integer network computes (and of what
/// the float32 network computes on a device). Batch size 1; float32 and int8 graphs alike.
///
/// One object holds the activations of one run: use one a thread. The graph must outlive it and stay
/// unchanged.
class ReferenceRun {
 public:
  /// Throws Error naming the node when the graph is not valid or has an operator no kernel computes.
  explicit ReferenceRun(const Graph& graph);
  ~ReferenceRun();
  ReferenceRun(ReferenceRun&&) noexcept;
  ReferenceRun& operator=(ReferenceRun&&) noexcept;

  /// Computes every node. `inputs` holds the bytes of each graph input, in order; their sizes must be exact.
  void run(std::span<const std::span<const std::byte>> inputs);

  /// The bytes of any tensor: a constant's, or an activation's after run().
  std::span<const std::byte> bytes(TensorId tensor) const;

 private:
  struct Step;
  const Graph* graph_;
  std::vector<std::vector<std::byte>> activations_;
  std::vector<Step> steps_;
};

}  // namespace thimble
