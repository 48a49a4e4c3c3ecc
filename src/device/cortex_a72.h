#pragma once

#include "device/timings.h"

namespace thimble::device {

/// The least cycles that a Cortex-A72 can take for a piece of code: the largest of the times that its
/// pipelines need for their share of the instructions (ARM, Cortex-A72 Software Optimization Guide, UAN
/// 0016A: three instructions decoded a cycle; pipelines B, two I, M, L, S, F0, F1). Waiting for results and
/// for memory comes on top.
uint64_t cortex_a72_cycles(std::span<const Instruction> code);

}  // namespace thimble::device
