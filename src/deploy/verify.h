#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "deploy/generated_c.h"
#include "device/profile.h"
#include "graph/graph.h"

namespace thimble::deploy {

/// A place where the generated C gave something else than the reference.
struct Mismatch {
  size_t sample = 0;
  std::string layer;   ///< the node's name
  size_t element = 0;  ///< of the node's output
  double expected = 0;
  double got = 0;
  std::string side;  ///< "C on this machine" or "C on the emulated Cortex-M4"
};

struct Verification {
  std::string device;
  size_t samples = 0;
  uint64_t bytes_compared = 0;  ///< of the reference's layer outputs, each with the same on every side
  uint64_t mismatches = 0;      ///< elements that differ, over all sides
  std::optional<Mismatch> first;
};

struct VerifyOptions {
  bool host = true;
  bool emulator = true;
};

/// How far a float32 element may be from the reference's, as a fraction of the largest magnitude in that
/// layer's output: sums run in the same order everywhere, but libraries round expf differently. Integers must
/// be equal.
inline constexpr double kFloatTolerance = 1e-5;

/// Runs samples (each all inputs of the graph, one after another) through the integer reference, the
/// generated C on this machine and the generated C on the emulator of the device's core, and compares what
/// every layer computed. Where the device's kernels do not compile for this machine (those for NEON), this
/// machine runs the portable ones. Throws Error when a tool is missing or the device's core has no emulator.
Verification verify(const Graph& graph, const device::DeviceProfile& device,
                    std::span<const std::vector<std::byte>> samples, const Progress& progress = {},
                    const VerifyOptions& options = {});

/// The same for a program that is at hand: what write_c gave for the graph.
Verification verify(const Graph& graph, const GeneratedC& program, const device::DeviceProfile& device,
                    std::span<const std::vector<std::byte>> samples, const Progress& progress = {},
                    const VerifyOptions& options = {});

/// One sentence on the first mismatch of a verification that has one.
std::string describe_mismatch(const Verification& verification);

}  // namespace thimble::deploy
