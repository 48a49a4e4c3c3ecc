#include "device/cortex_m4.h"

#include <gtest/gtest.h>

namespace thimble::device {
namespace {

Instruction instruction(const std::string& mnemonic, const std::string& operands, uint64_t executions = 1,
                        uint64_t taken = 0) {
  return {.address = 0x100,
          .size = 2,
          .mnemonic = mnemonic,
          .operands = operands,
          .executions = executions,
          .taken = taken};
}

uint64_t cycles(const std::string& mnemonic, const std::string& operands, uint64_t taken = 0) {
  return cortex_m4_cycles(instruction(mnemonic, operands, 1, taken), nullptr);
}

/// The cycles of the second of two instructions that lie one after the other.
uint64_t cycles_after(Instruction first, Instruction second) {
  second.address = first.address + first.size;
  return cortex_m4_cycles(second, &first);
}

// The expected values are those of ARM DDI 0439, tables 3-1 and 7-1, with P = 2.

TEST(CortexM4, data_processing_and_multiplication_take_one_cycle) {
  for (const char* mnemonic :
       {"add.w", "subs", "mov", "mul.w", "mla", "smull", "smlal", "smlad", "smlabb", "sxtb16", "ssat",
        "bic.w", "bics", "bfi", "it", "itte", "nop", "cmp", "pkhbt"}) {
    EXPECT_EQ(cycles(mnemonic, "r0, r1, r2"), 1u) << mnemonic;
  }
}

TEST(CortexM4, a_branch_costs_the_refill_only_when_taken) {
  for (const char* mnemonic :
       {"b.n", "bne.n", "bl", "bx", "blx", "cbz", "cbnz", "bls.n", "blt.w", "bxeq", "bleq"}) {
    EXPECT_EQ(cycles(mnemonic, "lr"), 1u) << mnemonic;
    EXPECT_EQ(cycles(mnemonic, "lr", 1), 3u) << mnemonic;
  }
  EXPECT_EQ(cortex_m4_cycles(instruction("bne.n", "100 <f>", 1000, 999), nullptr), 1000u + 2 * 999u);
  EXPECT_EQ(cycles("tbb", "[pc, r3]", 1), 4u);
}

TEST(CortexM4, single_loads_and_stores) {
  EXPECT_EQ(cycles("ldr.w", "r0, [r1, #4]"), 2u);
  EXPECT_EQ(cycles("ldrsb.w", "r0, [r1], #1"), 2u);
  EXPECT_EQ(cycles("ldr", "r0, [pc, #40]"), 2u);
  EXPECT_EQ(cycles("str", "r0, [r1, #4]"), 1u);
  EXPECT_EQ(cycles("strb.w", "r0, [r1, r2]"), 2u);
  EXPECT_EQ(cycles("ldrd", "r0, r1, [r2]"), 3u);
  EXPECT_EQ(cycles("strd", "r0, r1, [r2]"), 3u);
}

TEST(CortexM4, a_load_after_a_load_or_store_shares_a_cycle) {
  EXPECT_EQ(cycles_after(instruction("ldr", "r0, [r1]"), instruction("ldr", "r2, [r3]")), 1u);
  EXPECT_EQ(cycles_after(instruction("str", "r0, [r1]"), instruction("ldr", "r2, [r3]")), 1u);
  EXPECT_EQ(cycles_after(instruction("ldr", "r0, [r1]"), instruction("str", "r0, [r3, r4]")), 1u);
  EXPECT_EQ(cycles_after(instruction("add", "r0, r1"), instruction("ldr", "r2, [r3]")), 2u);
  EXPECT_EQ(cycles_after(instruction("ldrd", "r0, r1, [r4]"), instruction("ldr", "r2, [r3]")), 2u);
}

TEST(CortexM4, a_load_waits_for_an_address_that_is_just_being_loaded) {
  EXPECT_EQ(cycles_after(instruction("ldr", "r3, [r1]"), instruction("ldr", "r2, [r3]")), 2u);
  EXPECT_EQ(cycles_after(instruction("ldr", "r3, [r1]"), instruction("ldr", "r2, [r0, r3, lsl #2]")), 2u);
  EXPECT_EQ(cycles_after(instruction("str", "r3, [r1]"), instruction("ldr", "r2, [r3]")), 1u);
}

TEST(CortexM4, a_load_that_is_jumped_to_shares_no_cycle) {
  EXPECT_EQ(cycles_after(instruction("ldr", "r0, [r1]", 1), instruction("ldr", "r2, [r3]", 100)), 199u);
  Instruction far = instruction("ldr", "r0, [r1]");
  Instruction load = instruction("ldr", "r2, [r3]");
  load.address = far.address + 100;
  EXPECT_EQ(cortex_m4_cycles(load, &far), 2u);
}

TEST(CortexM4, multiple_transfers_cost_their_words) {
  EXPECT_EQ(cycles("push", "{r4, r5, r6, lr}"), 5u);
  EXPECT_EQ(cycles("pop", "{r4, pc}", 1), 5u);
  EXPECT_EQ(cycles("ldmia.w", "r0!, {r1, r2, ip, sl}"), 5u);
  EXPECT_EQ(cycles("stmdb", "sp!, {r4-r7}"), 5u);
  EXPECT_EQ(cycles("vpush", "{d8-d15}"), 17u);
  EXPECT_EQ(cycles("vldmia", "r0!, {s16-s19}"), 5u);
  EXPECT_EQ(cycles("vpop", "{d8}"), 3u);
}

TEST(CortexM4, floating_point) {
  EXPECT_EQ(cycles("vadd.f32", "s0, s1, s2"), 1u);
  EXPECT_EQ(cycles("vmul.f32", "s0, s1, s2"), 1u);
  EXPECT_EQ(cycles("vcvt.f32.s32", "s0, s0"), 1u);
  EXPECT_EQ(cycles("vmrs", "APSR_nzcv, fpscr"), 1u);
  EXPECT_EQ(cycles("vmov", "r0, s1"), 1u);
  EXPECT_EQ(cycles("vmov", "r0, r1, d0"), 2u);
  EXPECT_EQ(cycles("vmla.f32", "s0, s1, s2"), 3u);
  EXPECT_EQ(cycles("vfma.f32", "s0, s1, s2"), 3u);
  EXPECT_EQ(cycles("vdiv.f32", "s0, s1, s2"), 14u);
  EXPECT_EQ(cycles("vsqrt.f32", "s0, s1"), 14u);
  EXPECT_EQ(cycles("vldr", "s0, [r0]"), 2u);
  EXPECT_EQ(cycles("vldr", "d0, [r0]"), 3u);
  EXPECT_EQ(cycles("vstr", "s0, [r0]"), 2u);
}

TEST(CortexM4, a_division_is_charged_its_longest_time) { EXPECT_EQ(cycles("sdiv", "r0, r1, r2"), 12u); }

TEST(CortexM4, an_instruction_that_never_ran_costs_nothing) {
  EXPECT_EQ(cortex_m4_cycles(instruction("ldr", "r0, [r1]", 0), nullptr), 0u);
}

}  // namespace
}  // namespace thimble::device
