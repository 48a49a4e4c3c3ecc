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
  EXPECT_EQ(rv32imc_cycles(instruction("mulh", "a0,a1,a2", 10)), 20u);
  EXPECT_EQ(rv32imc_cycles(instruction("j", "80000000 <f>", 10, 10)), 20u);
  EXPECT_EQ(rv32imc_cycles(instruction("ret", "", 10, 10)), 20u);
  EXPECT_EQ(rv32imc_cycles(instruction("remu", "a0,a1,a2", 2)), 74u);
}

// Espressif's core-isa.h: XCHAL_DATA_PIPE_DELAY 2 (seven stages), XCHAL_HAVE_SEXT, XCHAL_HAVE_LOOPS.
TEST(XtensaLx6, taken_branches_and_values_needed_after_their_load_wait) {
  const auto cycles = [](const std::vector<Instruction>& code) { return xtensa_lx6_cycles(code); };
  EXPECT_EQ(cycles({instruction("mull", "a2, a3, a4", 10)}), 10u);
  EXPECT_EQ(cycles({instruction("beqz", "a2, 200 <f+0x100>", 10, 9)}), 37u) << "forwards: it is no loop";
  EXPECT_EQ(cycles({instruction("ret.n", "", 10, 10)}), 40u);
  const Instruction load = instruction("l8ui", "a5, a2, 0", 7, 0, 0xFE);
  const auto after_load = [&](const std::string& mnemonic, const std::string& operands) {
    return cycles({load, instruction(mnemonic, operands, 7)}) - 7;
  };
  EXPECT_EQ(after_load("add", "a6, a5, a7"), 21u);
  EXPECT_EQ(after_load("add", "a5, a6, a7"), 7u) << "it only writes a5";
  EXPECT_EQ(after_load("add", "a8, a15, a7"), 7u);
  EXPECT_EQ(after_load("s8i", "a5, a2, 0"), 21u);
  EXPECT_EQ(
      cycles({load, instruction("add", "a8, a9, a7", 7), instruction("add", "a6, a5, a7", 7, 0, 0x102)}),
      7u + 7 + 14)
      << "one instruction between";
  EXPECT_EQ(cycles({instruction("l8ui", "a5, a2, 0", 7, 0, 0x80), instruction("add", "a6, a5, a7", 7)}), 14u);
}

TEST(XtensaLx6, a_sign_extension_is_one_instruction) {
  const Instruction left = instruction("slli", "a6, a5, 24", 9, 0, 0x100);
  const Instruction between = instruction("add", "a8, a9, a7", 9, 0, 0x102);
  EXPECT_EQ(xtensa_lx6_cycles(std::vector{left, between, instruction("srai", "a3, a6, 24", 9, 0, 0x104)}),
            18u);
  EXPECT_EQ(xtensa_lx6_cycles(std::vector{left, between, instruction("srai", "a3, a6, 20", 9, 0, 0x104)}),
            27u);
  EXPECT_EQ(xtensa_lx6_cycles(std::vector{left, instruction("add", "a6, a9, a7", 9, 0, 0x102),
                                          instruction("srai", "a3, a6, 24", 9, 0, 0x104)}),
            27u)
      << "what is shifted back is another value";
}

TEST(XtensaLx6, an_innermost_loop_has_no_overhead) {
  const Instruction body = instruction("add", "a2, a2, a3", 100, 0, 0x100);
  const Instruction back = instruction("bne", "a4, a5, 100 <f>", 100, 98, 0x102);
  EXPECT_EQ(xtensa_lx6_cycles(std::vector{body, back}), 100u + 2) << "entered twice";
  const Instruction branch = instruction("beqz", "a2, 200 <f+0x100>", 100, 0, 0x102);
  const Instruction outer = instruction("bne", "a4, a5, 100 <f>", 100, 98, 0x104);
  EXPECT_EQ(xtensa_lx6_cycles(std::vector{body, branch, outer}), 300u + 3 * 98) << "a branch lies in it";
}

// ESP-DSP measures 437 cycles for a sum of 256 products on an ESP32 (dsps_dotprod_s16), in turns of these
// four instructions: 1.5 cycles each and 53 for the call. On an ESP32-S3, whose five stages need not wait, it
// is 307.
TEST(XtensaLx6, what_mac16_loads_is_waited_for_as_other_loads_are) {
  std::vector<Instruction> code;
  for (uint32_t at = 0; at < 2 * 12; at += 12) {
    code.push_back(instruction("mula.dd.hh.ldinc", "m0, a2, m0, m2", 100, 0, at));
    code.push_back(instruction("mula.dd.ll.ldinc", "m2, a3, m1, m3", 100, 0, at + 3));
    code.push_back(instruction("mula.dd.hh.ldinc", "m1, a2, m1, m3", 100, 0, at + 6));
    code.push_back(instruction("mula.dd.ll.ldinc", "m3, a3, m0, m2", 100, 0, at + 9));
  }
  for (Instruction& one : code) one.size = 3;
  EXPECT_EQ(xtensa_lx6_cycles(code), 800u + 300) << "m2 twice, and m3 in the second turn";
  const Instruction load = instruction("ldinc", "m0, a2", 10, 0, 0xFE);
  EXPECT_EQ(xtensa_lx6_cycles(std::vector{load, instruction("mula.dd.ll", "m0, m2", 10)}), 40u);
  EXPECT_EQ(xtensa_lx6_cycles(std::vector{load, instruction("mula.da.ll.ldinc", "m0, a2, m1, a5", 10)}), 20u)
      << "it only writes m0";
  EXPECT_EQ(xtensa_lx6_cycles(std::vector{instruction("mula.dd.ll", "m0, m2", 100, 99)}), 100u)
      << "the end of a LOOP goes back at no cost";
  const Instruction around = instruction("bne", "a4, a5, 100 <f>", 100, 98, 0x103);
  EXPECT_EQ(xtensa_lx6_cycles(std::vector{instruction("loop", "a11", 100, 0, 0x100), around}), 200u + 3 * 98)
      << "there is one loop counter";
}

// ESP-DSP's benchmarks measure 5.1 cycles a step of such a loop in C on an ESP32, and 4.1 in assembly.
TEST(XtensaLx6, floats_counted_on_a_risc_v_wait_for_products_and_sums) {
  const auto cycles = [](const std::vector<Instruction>& code) { return xtensa_lx6_cycles(code); };
  EXPECT_EQ(
      cycles({instruction("flw", "fa5,0(a5)", 100, 0, 0x100), instruction("flw", "fa4,0(a4)", 100, 0, 0x104),
              instruction("addi", "a5,a5,4", 100, 0, 0x108), instruction("addi", "a4,a4,4", 100, 0, 0x10A),
              instruction("fmadd.s", "fa0,fa5,fa4,fa0", 100, 0, 0x10C),
              instruction("bne", "a5,a3,100 <f>", 100, 99, 0x110)}),
      501u);
  const Instruction product = instruction("fmul.s", "fa5,fa4,fa3", 10, 0, 0xFE);
  EXPECT_EQ(cycles({product, instruction("fadd.s", "fa0,fa0,fa5", 10)}), 50u);
  EXPECT_EQ(cycles({product, instruction("fadd.s", "fa0,fa0,fa4", 10)}), 20u);
  EXPECT_EQ(cycles({product, instruction("fsw", "fa5,0(a2)", 10)}), 50u);
  EXPECT_EQ(cycles({instruction("lw", "a5,4(a2)", 10, 0, 0xFE), instruction("flw", "fa0,8(a5)", 10)}), 40u);
  EXPECT_EQ(cycles({instruction("fdiv.s", "fa5,fa4,fa3", 10)}), 1690u);
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
  EXPECT_NE(core_timings(core_timings("xtensa-lx6")->floats_as), nullptr);
}

}  // namespace
}  // namespace thimble::device
