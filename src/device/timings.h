#pragma once

#include <cstdint>
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

/// An estimate of the cycles that all executions of an instruction take, with memory that needs no wait
/// states. The second argument is the instruction that lies just before it, or null.
using CycleModel = uint64_t (*)(const Instruction&, const Instruction*);

/// The timings of a core ("cortex-m4f"), or null where none are known.
CycleModel cycle_model(std::string_view core);

}  // namespace thimble::device
