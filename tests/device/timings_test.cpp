#include "device/timings.h"

#include <gtest/gtest.h>

#include <vector>

#include "device/cortex_a72.h"
#include "device/cortex_m0plus.h"
#include "device/rv32imc.h"
#include "device/xtensa_lx6.h"

namespace thimble::device {
namespace {

Instruction instruction(const std::string& mnemonic, const std::string& operands, uint64_t executions = 1,
                        uint64_t taken = 0, uint32_t address = 0x100) {
  return {.address = address,
          .size = 2,
          .mnemonic = mnemonic,
          .operands = operands,
          .executions = executions,
          .taken = taken};
}

// The expected values are those of ARM DDI 0484, table 3-1.
TEST(CortexM0Plus, instructions_take_the_cycles_of_the_manual) {
  const auto cycles = [](const std::string& mnemonic, const std::string& operands, uint64_t taken = 0) {
    return cortex_m0plus_cycles(instruction(mnemonic, operands, 1, taken));
  };
  for (const char* mnemonic : {"adds", "subs", "muls", "mov", "cmp", "lsls", "sxtb", "nop"}) {
    EXPECT_EQ(cycles(mnemonic, "r0, r1"), 1u) << mnemonic;
  }
  for (const char* mnemonic : {"ldr", "ldrb", "ldrsb", "str", "strh"}) {
    EXPECT_EQ(cycles(mnemonic, "r0, [r1, #4]"), 2u) << mnemonic;
  }
  EXPECT_EQ(cycles("bne.n", "100 <f>"), 1u);
  EXPECT_EQ(cycles("bne.n", "100 <f>", 1), 2u);
  EXPECT_EQ(cycles("b.n", "100 <f>", 1), 2u);
  EXPECT_EQ(cycles("bl", "100 <f>", 1), 3u);
  EXPECT_EQ(cycles("bx", "lr", 1), 2u);
  EXPECT_EQ(cycles("push", "{r4, r5, r6, lr}"), 5u);
  EXPECT_EQ(cycles("pop", "{r4, r5, r6, r7}"), 5u);
  EXPECT_EQ(cycles("pop", "{r4, r5, pc}", 1), 6u)
      << "3 + N for the N registers beside the program counter, + 1";
  EXPECT_EQ(cycles("ldmia", "r0!, {r1-r4}"), 5u);
  EXPECT_EQ(cycles("stmia", "r2!, {r3}"), 2u);
}

// lowRISC, Ibex reference guide, "Pipeline Details"
TEST(Rv32imc, loads_divisions_and_taken_branches_take_longer) {
  EXPECT_EQ(rv32imc_cycles(instruction("add", "a0,a1,a2", 10)), 10u);
  EXPECT_EQ(rv32imc_cycles(instruction("mul", "a0,a1,a2", 10)), 10u);
  EXPECT_EQ(rv32imc_cycles(instruction("lb", "a0,0(a1)", 10)), 20u);
  EXPECT_EQ(rv32imc_cycles(instruction("sw", "a0,0(a1)", 10)), 20u);
  EXPECT_EQ(rv32imc_cycles(instruction("lui", "a0,0x1", 10)), 10u);
  EXPECT_EQ(rv32imc_cycles(instruction("bnez", "a0,80000000 <f>", 10, 4)), 18u);
  EXPECT_EQ(rv32imc_cycles(instruction("remu", "a0,a1,a2", 2)), 74u);
}

TEST(XtensaLx6, taken_branches_and_values_needed_right_after_their_load_wait) {
  EXPECT_EQ(xtensa_lx6_cycles(instruction("mull", "a2, a3, a4", 10), nullptr), 10u);
  EXPECT_EQ(xtensa_lx6_cycles(instruction("bnez", "a2, 50000000 <f>", 10, 9), nullptr), 28u);
  const Instruction load = instruction("l8ui", "a5, a2, 0", 7, 0, 0xFE);
  EXPECT_EQ(xtensa_lx6_cycles(instruction("sext", "a6, a5, 7", 7), &load), 14u);
  EXPECT_EQ(xtensa_lx6_cycles(instruction("add", "a5, a6, a7", 7), &load), 7u) << "it only writes a5";
  EXPECT_EQ(xtensa_lx6_cycles(instruction("add", "a8, a15, a7", 7), &load), 7u);
  EXPECT_EQ(xtensa_lx6_cycles(instruction("s8i", "a5, a2, 0", 7), &load), 14u);
  const Instruction far = instruction("l8ui", "a5, a2, 0", 7, 0, 0x80);
  EXPECT_EQ(xtensa_lx6_cycles(instruction("sext", "a6, a5, 7", 7), &far), 7u);
}

TEST(CortexA72, the_busiest_pipeline_sets_the_time) {
  const auto cycles = [](const std::vector<Instruction>& code) { return cortex_a72_cycles(code); };
  EXPECT_EQ(cycles({instruction("add", "x0, x1, x2", 300)}), 150u) << "two integer pipelines";
  EXPECT_EQ(cycles({instruction("ldr", "q0, [x1]", 100), instruction("add", "v0.4s, v1.4s, v2.4s", 100)}),
            100u);
  EXPECT_EQ(cycles({instruction("ldp", "q0, q1, [x1]", 100)}), 200u);
  EXPECT_EQ(cycles({instruction("smull", "v0.8h, v1.8b, v2.8b", 100),
                    instruction("smlal2", "v0.8h, v1.16b, v2.16b", 100),
                    instruction("sadalp", "v3.4s, v0.8h", 100)}),
            200u)
      << "one multiplier";
  EXPECT_EQ(cycles({instruction("add", "x0, x1, x2", 100), instruction("ldr", "x0, [x1]", 100),
                    instruction("add", "v0.4s, v1.4s, v2.4s", 100), instruction("b.ne", "400 <f>", 100)}),
            134u)
      << "three instructions are decoded a cycle";
  EXPECT_EQ(cycles({}), 0u);
}

TEST(CoreTimings, an_unknown_core_has_none) {
  EXPECT_EQ(core_timings("abacus"), nullptr);
  EXPECT_FALSE(core_timings("xtensa-lx6")->counted);
  EXPECT_TRUE(core_timings("rv32imc")->counted);
}

}  // namespace
}  // namespace thimble::device
