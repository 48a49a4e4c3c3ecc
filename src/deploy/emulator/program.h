#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deploy/emulator/target.h"
#include "deploy/generated_c.h"

namespace thimble::deploy {

struct ProgramOptions {
  bool trace = false;  ///< record every operator's output
  size_t counted_samples =
      0;  ///< of how many samples, from the first on, to count instructions (emulator only)
  std::vector<std::string> flags = {};  ///< to the compiler, after those of the target; none: the target's
                                        ///< own, -O2 on this machine
  double timeout_s = 300;               ///< for each start of the program
};

/// One operator's output while one sample ran.
struct LayerOutput {
  int node = 0;  ///< an index into Graph::nodes
  std::vector<std::byte> data;
};

/// What one function of the network costs in one inference, with all that it calls (memcpy, expf, ...).
struct FunctionCost {
  std::string function;  ///< "mnist_run" itself, or "mnist_layer_0_conv2d"
  uint64_t instructions = 0;
  uint64_t cycles = 0;  ///< 0 where the core's timings are not known
};

/// The counts of one inference; `functions` add up to them exactly.
struct InferenceCost {
  uint64_t instructions = 0;
  uint64_t cycles = 0;
  std::vector<FunctionCost> functions;  ///< in order of execution
};

/// What the network alone puts into an image, with what it needs of libc, libm and libgcc; without arena.
struct ProgramSize {
  size_t code_bytes = 0;
  size_t constant_bytes = 0;     ///< read-only data: weights, parameters, tables of the library
  size_t data_bytes = 0;         ///< variables that are not the arena: they take RAM
  size_t initialized_bytes = 0;  ///< of data_bytes: their first values take flash, too
};

struct ProgramRun {
  std::vector<std::vector<std::byte>> outputs;  ///< a sample: its outputs, one after another
  std::vector<std::vector<LayerOutput>>
      layers;                         ///< a sample: its operators in the graph's order; empty without trace
  std::vector<InferenceCost> costs;   ///< one for each counted sample
  std::optional<size_t> stack_bytes;  ///< the most that PREFIX_run and its callees touched; null on the host
  std::optional<size_t> stack_bound_bytes;  ///< the most that they can take (stack_bound.h); null on the host
  std::optional<ProgramSize> size;          ///< null on the host
};

/// Throws Error naming the packages if a tool is missing that `run_emulated` needs, or needs for counting.
void expect_tools(const Target& target, bool counting);

/// Compiles a generated network (every ".c" among its files, with NAME_NO_ARENA) for a target and runs it in
/// QEMU on each sample (all its inputs, one after another). Instructions are counted exactly; cycles are what
/// the core's timings make of them (device/timings.h).
///
/// Throws Error when a tool is missing (naming the packages), when the C does not compile or does not fit the
/// emulated board, and when the run faults, leaves its arena, or exceeds its time.
ProgramRun run_emulated(const Target& target, const GeneratedC& program,
                        std::span<const std::vector<std::byte>> samples, const ProgramOptions& options = {});

/// The same program on this machine, with its C compiler `cc`.
ProgramRun run_on_host(const GeneratedC& program, std::span<const std::vector<std::byte>> samples,
                       const ProgramOptions& options = {});

}  // namespace thimble::deploy
