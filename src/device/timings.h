#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace thimble::device {

/// An instruction as a disassembler shows it, and what was counted of it.
struct Instruction {
  uint32_t address = 0;
  uint32_t size = 0;        ///< bytes
  std::string mnemonic;     ///< "ldr.w", "bne.n", "vmla.f32"
  std::string operands;     ///< "r0, [r1, #4]"
  uint64_t executions = 0;  ///< an instruction that its condition skips counts too, as it takes its cycle
  uint64_t taken = 0;       ///< how often it branched
};

/// An estimate of the cycles that a piece of code took (its executed instructions by address), with memory
/// that needs no wait states.
using CycleModel = uint64_t (*)(std::span<const Instruction> code);

/// What is known of a core's time.
struct CoreTimings {
  std::string_view core;  ///< "cortex-m4f"
  CycleModel cycles;
  /// Whether the emulated code is the device's own, weighed by timings of its core ("counted"), or a formula
  /// stands between ("modelled").
  bool counted;
  /// What the true time lies between, as factors of the estimate, and where the factors come from.
  double low, high;
  std::string_view range_source;
  /// The core on whose emulator float32 networks are counted, where this one's lacks the floating-point unit
  /// that the device has; empty: this one.
  std::string_view floats_as;
};

/// The timings of a core, or null where none are known.
const CoreTimings* core_timings(std::string_view core);

}  // namespace thimble::device
