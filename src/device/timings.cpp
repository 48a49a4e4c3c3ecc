#include "device/timings.h"

#include <algorithm>
#include <array>

#include "device/cortex_a72.h"
#include "device/cortex_m0plus.h"
#include "device/cortex_m4.h"
#include "device/rv32imc.h"
#include "device/xtensa_lx6.h"

namespace thimble::device {
namespace {

uint64_t sum(std::span<const Instruction> code,
             uint64_t (*cycles)(const Instruction&, const Instruction* previous)) {
  uint64_t total = 0;
  for (size_t i = 0; i < code.size(); ++i) total += cycles(code[i], i > 0 ? &code[i - 1] : nullptr);
  return total;
}

uint64_t cortex_m4(std::span<const Instruction> code) { return sum(code, cortex_m4_cycles); }

/// ARM publishes no timings for the Cortex-M7, which issues two instructions at once. Its CoreMark a MHz over
/// the Cortex-M4's (ARM's product pages: 5.29 and 3.54) says what that is worth.
uint64_t cortex_m7(std::span<const Instruction> code) { return cortex_m4(code) * 354 / 529; }

uint64_t cortex_m0plus(std::span<const Instruction> code) {
  return sum(code, [](const Instruction& one, const Instruction*) { return cortex_m0plus_cycles(one); });
}

uint64_t rv32imc(std::span<const Instruction> code) {
  return sum(code, [](const Instruction& one, const Instruction*) { return rv32imc_cycles(one); });
}

constexpr double kLargestStall = 1.44;
constexpr std::string_view kStalls =
    "from memory that never stalls to the largest ratio of a published latency to this estimate "
    "(thimble devices calibrate stm32l4r5)";

constexpr std::array kTimings = {
    CoreTimings{"cortex-m4f", cortex_m4, true, 1.0, kLargestStall, kStalls, ""},
    CoreTimings{"cortex-m7", cortex_m7, true, 0.75, kLargestStall,
                "from two instructions in every cycle to the stalls of a Cortex-M4's memory", ""},
    CoreTimings{"cortex-m0plus", cortex_m0plus, true, 1.0, kLargestStall, kStalls, ""},
    CoreTimings{"rv32imc", rv32imc, true, 0.7, kLargestStall,
                "from an instruction in every cycle to the stalls of a Cortex-M4's memory", ""},
    CoreTimings{"xtensa-lx6", xtensa_lx6_cycles, false, 0.7, kLargestStall,
                "from the loads, extensions, products and sums of the inner loops alone to the stalls of a "
                "Cortex-M4's memory",
                "xtensa-lx6-float"},
    CoreTimings{
        "xtensa-lx6-float", xtensa_lx6_cycles, false, 0.6, 2.0,
        "from multiplications and additions that are fused to those that wait for the core's memory; an "
        "RV32IMFC with half of its registers was counted",
        ""},
    CoreTimings{"cortex-a72", cortex_a72_cycles, false, 1.0, 2.7,
                "from the bound of the core's issue rate to what XNNPACK reaches of it on a Raspberry Pi 4 "
                "(300 MMAC of MobileNetV2 in 17 ms on 4 cores, where 8 MAC a cycle are the bound)",
                ""},
};

}  // namespace

const CoreTimings* core_timings(std::string_view core) {
  const auto* const found = std::ranges::find(kTimings, core, &CoreTimings::core);
  return found == kTimings.end() ? nullptr : found;
}

}  // namespace thimble::device
