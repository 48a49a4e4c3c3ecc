#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deploy/generated_c.h"
#include "device/cost.h"
#include "device/profile.h"
#include "graph/graph.h"

namespace thimble::deploy {

struct LayerProfile {
  std::string name;
  std::string op;
  std::string kernel;    ///< empty for a layer that costs nothing
  int32_t channels = 0;  ///< of its output
  uint64_t macs = 0;
  std::optional<uint64_t> instructions;
  std::optional<uint64_t> cycles;
  size_t arena_bytes = 0;  ///< live while it runs
  size_t weights_bytes = 0;
};

/// What one inference costs on a device. What cannot be had is empty, and `why` says so.
struct Profile {
  std::string device;
  uint64_t macs = 0;
  std::optional<uint64_t> instructions;  ///< counted on the emulator of the device's core
  std::optional<uint64_t> cycles;        ///< those, weighed by the core's published timings
  std::optional<device::Latency> latency;
  std::string latency_check;             ///< what is known of its error on hardware
  std::optional<device::Energy> energy;  ///< empty when the device's active power is not known
  size_t arena_bytes = 0;
  std::optional<size_t> stack_bytes;        ///< the deepest that the run touched
  std::optional<size_t> stack_bound_bytes;  ///< the most that the code can take (emulator/stack_bound.h)
  std::optional<size_t> ram_bytes;          ///< arena, stack and variables of the C library
  size_t weights_bytes = 0;
  std::optional<size_t>
      code_bytes;  ///< code of the network and what it needs of the C library, with its tables
  std::optional<size_t> flash_bytes;  ///< code, constants and first values of variables as linked
  std::vector<LayerProfile> layers;
  std::string why;  ///< why something is empty; itself empty when nothing is
};

/// Compiles the generated C for the device's core and counts one inference of `sample` on its emulator.
/// Throws Error when a tool for that is missing; for a core without an emulator the counted figures are
/// empty.
Profile profile(const Graph& graph, const device::DeviceProfile& device, std::span<const std::byte> sample);

/// The same for a program that is at hand: what write_c gave for the graph and the device's core.
Profile profile(const Graph& graph, const GeneratedC& program, const device::DeviceProfile& device,
                std::span<const std::byte> sample);

/// The layer that takes the most of the time, and what would make it faster, in words: "'conv_7' (Conv2D)
/// takes 61 % of the time: ... Its 138 output channels are no multiple of 4: 136 would be faster,
/// and 140 take less time a channel." Empty for
/// a network without multiply-accumulates. Where cycles are not known, multiply-accumulates stand for time.
std::string describe_bottleneck(const Profile& profile, const device::DeviceProfile& device);

/// The bytes that are live in the arena over the time of a run, in lines of at most 80 columns: each column
/// shows the most that is live within its share of the time.
std::string draw_ram(const Profile& profile);

}  // namespace thimble::deploy
