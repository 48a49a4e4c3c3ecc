#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "deploy/emulator/program.h"
#include "graph/graph.h"

namespace thimble::deploy {

/// Cuts raw tensors, one after another, into samples: each the bytes of all of the graph's inputs. Throws
/// Error naming `where` when they are not a whole number of samples, or none.
std::vector<std::vector<std::byte>> split_samples(const Graph& graph, std::span<const std::byte> content,
                                                  std::string_view where);

struct RunResult {
  std::vector<std::vector<std::byte>> outputs;  ///< a sample: all outputs, one after another
  std::vector<std::vector<LayerOutput>>
      layers;  ///< a sample: every node's output in order; empty unless asked for
};

/// Runs a graph on samples at a place: "host" (the integer reference), "c" (the generated C on this machine)
/// or a device's name or profile (the generated C on the emulator of its core). Throws Error when the
/// device's core has no emulator here, or as the place's runner does.
RunResult run_model(const Graph& graph, std::span<const std::vector<std::byte>> samples,
                    std::string_view place, bool with_layers);

}  // namespace thimble::deploy
