#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "device/profile.h"

namespace thimble::deploy {

/// A computer that generated C is compiled for and that QEMU emulates.
struct Target {
  std::string core;   ///< as DeviceProfile::core names it
  std::string board;  ///< as DeviceProfile::emulated_board names it; the first of a core is its default
  std::string name;   ///< for people: "the emulated Cortex-M4"
  std::string tools;  ///< what begins the names of the compiler, objdump and size: "arm-none-eabi-"
  std::vector<std::string> machine_flags;   ///< to the compiler, always
  std::vector<std::string> optimize_flags;  ///< to the compiler, unless a run asks for others
  std::vector<std::string> link_flags;
  /// Instead, where what is linked is to be measured: without the C library that an operating system shares.
  std::vector<std::string> size_link_flags;
  std::vector<std::string> code_sections;  ///< all that is executed, start-up aside
  std::vector<std::string> runtime;        ///< of runtime/: what joins harness.c to this computer
  std::vector<std::string>
      library;  ///< of runtime/: what the compiler's own library lacks; part of the network's size
  std::vector<std::string> emulator;  ///< the command line, to be followed by the program
  std::string packages;               ///< of Debian
  std::string memory;  ///< what fits: "4 MB for code, 16 MB for weights and 4 MB for the arena"
};

/// Every target, the default of a core before its other boards.
std::span<const Target> targets();

/// The target that a device is emulated as, or null. For a core that CoreTimings::floats_as names, one that
/// is not among targets(): it counts and does not prove.
const Target* find_target(const device::DeviceProfile& device);

}  // namespace thimble::deploy
