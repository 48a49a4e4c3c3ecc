#pragma once

#include "device/timings.h"

namespace thimble::device {

/// An estimate of the cycles that all executions of `instruction` take on a small in-order RV32IMC. Espressif
/// publishes none for the ESP32-C3; these are those of a core of its class, lowRISC's Ibex with a
/// single-cycle multiplier (its reference guide, "Pipeline Details"): loads, stores, jumps and the upper half
/// of a product 2, a taken branch 2 more than one that is not, a division 37.
uint64_t rv32imc_cycles(const Instruction& instruction);

}  // namespace thimble::device
