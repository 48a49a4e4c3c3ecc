#pragma once

#include <cstdint>
#include <string>

namespace thimble::device {

/// An instruction as a disassembler shows it, and what was counted of it.
struct Instruction {
  uint32_t address = 0;
  uint32_t size = 0;        ///< 2 or 4 bytes
  std::string mnemonic;     ///< "ldr.w", "bne.n", "vmla.f32"
  std::string operands;     ///< "r0, [r1, #4]"
  uint64_t executions = 0;  ///< an instruction that its condition skips counts too, as it takes its cycle
  uint64_t taken = 0;       ///< how often it branched
};

/// Kinds of instruction that cost the same on a Cortex-M4F.
enum class InstructionClass {
  kSimple,  ///< data processing, multiply, SIMD, floating-point add and multiply, moves: 1
  kBranch,  ///< 1 + P when taken
  kTableBranch,
  kLoad,
  kStore,
  kStoreRegisterOffset,
  kLoadDouble,
  kStoreDouble,
  kMultiple,  ///< LDM, STM, PUSH, POP and the floating-point ones: 1 + words
  kDivide,
  kSpecialRegister,
  kFloatLoad,
  kFloatStore,
  kFloatMultiplyAccumulate,
  kFloatDivide,
  kFloatMovePair,
};

/// The cycles to refill the pipeline after a taken branch, P in the manual, which says 1 to 3.
inline constexpr uint64_t kPipelineRefill = 2;

InstructionClass classify(const Instruction& instruction);

/// An estimate of the cycles that all executions of `instruction` take, with memory that needs no wait
/// states: ARM Cortex-M4 Technical Reference Manual (DDI 0439), tables 3-1 and 7-1. `previous` is the
/// instruction that lies just before it, or null: a single load takes 1 cycle instead of 2 right after
/// another single load or store, unless it needs the loaded value for its address. A division is charged its
/// longest time, 12 cycles.
///
/// Not modelled: folded IT, the stall of an address computed by the instruction before, the alignment of
/// branch targets.
uint64_t cortex_m4_cycles(const Instruction& instruction, const Instruction* previous);

}  // namespace thimble::device
