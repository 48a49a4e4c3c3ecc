#pragma once

#include <cstdint>

#include "device/timings.h"

namespace thimble::device {

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
