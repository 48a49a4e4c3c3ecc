#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/memory_plan.h"

namespace thimble::deploy {

struct GeneratedFile {
  std::string name;  ///< relative to the package's folder: "mnist.c", "generic/conv2d_s8.h"
  std::string content;
};

/// A way to compute a layer whose cycles were counted on the device's emulator.
struct CountedWay {
  std::string kernel;
  std::vector<int32_t> extents;  ///< how it cuts the work (KernelChoice::extents)
  uint64_t cycles = 0;
};

/// One node of the graph in the generated C.
struct GeneratedLayer {
  std::string name;      ///< the node's
  std::string op;        ///< "Conv2D"
  std::string kernel;    ///< "thimble_conv2d_generic_s8"; empty for a Reshape that costs nothing
  std::string function;  ///< the symbol that computes the layer: "mnist_layer_0_conv2d"; empty likewise
  std::string why;       ///< of this kernel; empty likewise
  std::vector<CountedWay> counted;  ///< what it was chosen among, the fastest first; empty: by estimates
  uint64_t macs = 0;
  size_t scratch_bytes = 0;  ///< of the arena, for the kernel alone
  size_t weights_bytes = 0;  ///< constants that this layer is the first to read, as they lie in flash
  size_t arena_bytes = 0;    ///< live while it runs
};

/// A graph as C99: the files, and what they cost.
struct GeneratedC {
  std::string prefix;  ///< "mnist": begins every name
  std::vector<GeneratedFile> files;
  std::vector<GeneratedLayer> layers;  ///< one a node, in the order in which they run
  std::vector<size_t> order;           ///< the same nodes, as indices into Graph::nodes
  bool order_is_exact = true;          ///< no order of the nodes has a lower peak (NodeOrder::exact)
  size_t given_arena_bytes = 0;        ///< what the arena would be in the graph's own order
  MemoryPlan plan;
  size_t arena_bytes = 0;
  std::vector<size_t> input_bytes;
  std::vector<size_t> output_bytes;
  size_t weights_bytes = 0;  ///< all constants: weights, biases, factors
  uint64_t macs = 0;

  /// Of the files' names and contents.
  std::string sha256() const;
  /// The file of this name, which must exist.
  const GeneratedFile& file(std::string_view name) const;
};

/// The names that the generated header gives to a graph's inputs (or outputs): "mnist_input" for the only
/// one, "mnist_input_0", ... for several. `kind` is "input" or "output"; the macro of the size is the same in
/// capitals plus
/// "_BYTES".
std::string accessor_name(std::string_view prefix, std::string_view kind, size_t index, size_t count);

}  // namespace thimble::deploy
