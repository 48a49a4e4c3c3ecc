#pragma once

#include "device/timings.h"

namespace thimble::device {

/// An estimate of the cycles that all executions of an lx106's instruction would take on the LX6's pipeline
/// of five stages: one each, MULL and MUL16 too; a taken branch, call or return loses 2 (Cadence, Xtensa LX
/// Microprocessor Overview Handbook: two bubbles); a value needed right after its load loses 1. `previous` is
/// the executed instruction that lies before it, or null. What an LX6 has and an lx106 has not (zero-overhead
/// loops, MULSH, MIN, MAX, register windows, MAC16) would make the same C faster.
uint64_t xtensa_lx6_cycles(const Instruction& instruction, const Instruction* previous);

}  // namespace thimble::device
