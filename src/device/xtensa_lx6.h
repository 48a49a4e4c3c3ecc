#pragma once

#include "device/timings.h"

namespace thimble::device {

/// An estimate of the cycles that code for an lx106, with MAC16 besides, would take as compiled for an
/// ESP32's LX6, whose options Espressif's core-isa.h (esp-idf, components/xtensa/esp32) lists: a pipeline of
/// seven stages, in which a value waits two cycles from its load to the next instruction and a taken branch,
/// call or return loses three (Cadence, Xtensa LX Microprocessor Overview Handbook: two where there are five
/// stages); SEXT, for which an lx106 needs SLLI and SRAI; and loops without overhead, which GCC uses for an
/// innermost loop. All else takes one, MULL and MULA too: with the waits for what LDINC loads, that gives
/// the 1.5 cycles a product that Espressif measures (ESP-DSP benchmarks, dsps_dotprod_s16: 437 cycles for
/// 256, 307 on an ESP32-S3 with five stages). What it has besides (MULSH, MIN, MAX, register windows) would
/// make the same C faster. Code for an RV32IMFC counts, too, in place of float32 code, which an lx106 cannot
/// compute: it loads, multiplies and adds floats in the same steps. A float waits three instructions for a
/// product or sum; Espressif measures 4.1 cycles a dependent multiply-addition (ESP-DSP benchmarks,
/// dsps_dotprod_f32 on the ESP32) and 5.1 a step of the same in C, for which this gives 5. A division is a
/// function of the library: 240 MHz over the 1.42 million a second that users measure (github.com/wled/WLED,
/// issue 4206).
uint64_t xtensa_lx6_cycles(std::span<const Instruction> code);

}  // namespace thimble::device
