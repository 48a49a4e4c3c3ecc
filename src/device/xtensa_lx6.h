#pragma once

#include "device/timings.h"

namespace thimble::device {

/// An estimate of the cycles that code counted on an lx106 would take as compiled for an ESP32's LX6, whose
/// options Espressif's core-isa.h (esp-idf, components/xtensa/esp32) lists: a pipeline of seven stages, in
/// which a value waits two cycles from its load to the next instruction and a taken branch, call or return
/// loses three (Cadence, Xtensa LX Microprocessor Overview Handbook: two where there are five stages); SEXT,
/// for which an lx106 needs SLLI and SRAI; and loops without overhead, which GCC uses for an innermost loop.
/// All else takes one, MULL too. What it has besides (MULSH, MIN, MAX, MAC16, register windows) would make
/// the same C faster.
uint64_t xtensa_lx6_cycles(std::span<const Instruction> code);

}  // namespace thimble::device
