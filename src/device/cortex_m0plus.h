#pragma once

#include "device/timings.h"

namespace thimble::device {

/// An estimate of the cycles that all executions of `instruction` take on a Cortex-M0+ with a single-cycle
/// multiplier and memory that needs no wait states: ARM Cortex-M0+ Technical Reference Manual (DDI 0484),
/// table 3-1.
uint64_t cortex_m0plus_cycles(const Instruction& instruction);

}  // namespace thimble::device
