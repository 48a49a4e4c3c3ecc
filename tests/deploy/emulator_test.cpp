#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/process.h"
#include "deploy/emulator/image.h"
#include "deploy/emulator/stack_bound.h"
#include "deploy/toy_program.h"

namespace thimble::deploy {
namespace {

using test::error_of;
using test::kIncrement;
using test::mentions;
using test::sample;
using test::Sample;
using test::toy;

const Target& target_of(std::string_view core) { return *std::ranges::find(targets(), core, &Target::core); }

ProgramRun run_on_cortex_m4(const GeneratedC& program, std::span<const Sample> samples,
                            const ProgramOptions& options = {}) {
  return run_emulated(target_of("cortex-m4f"), program, samples, options);
}

const std::vector<Sample> kOne = {sample(0)};

class CortexM4Run : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* tool : {"arm-none-eabi-gcc", "qemu-system-arm", "cc"}) {
      if (!find_program(tool)) GTEST_SKIP() << "SKIPPED, NOT TESTED: " << tool << " is not installed";
    }
  }
};

const FunctionCost& cost_of(const InferenceCost& cost, const std::string& function) {
  for (const FunctionCost& row : cost.functions) {
    if (row.function == function) return row;
  }
  throw std::out_of_range(function);
}

TEST_F(CortexM4Run, gives_the_outputs_of_every_sample_as_the_host_does) {
  std::vector<Sample> samples;
  for (int i = 0; i < 20; ++i) samples.push_back(sample(10 * i));
  const ProgramRun target = run_on_cortex_m4(toy(kIncrement), samples);
  ASSERT_EQ(target.outputs.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(target.outputs[static_cast<size_t>(i)], sample(10 * i + 1));
  EXPECT_EQ(run_on_host(toy(kIncrement), samples).outputs, target.outputs);
}

TEST_F(CortexM4Run, counts_a_loop_of_known_length_and_its_taken_branches_exactly) {
  const std::string loop = R"(
__attribute__((naked, noinline)) static void toy_layer_0_loop(void *arena) {
  (void)arena;
  __asm__ volatile("movw r1, #1000\n1: subs r1, #1\n bne 1b\n bx lr");
}
__attribute__((naked)) void toy_run(void *arena) {
  (void)arena;
  __asm__ volatile("push {r3, lr}\n bl toy_layer_0_loop\n pop {r3, pc}" :: "X"(toy_layer_0_loop));
}
)";
  const std::vector<Sample> three(3, sample(0));
  const ProgramRun run = run_on_cortex_m4(toy(loop), three, {.counted_samples = 3});
  ASSERT_EQ(run.costs.size(), 3u);
  for (const InferenceCost& cost : run.costs) {
    const FunctionCost& layer = cost_of(cost, "toy_layer_0_loop");
    EXPECT_EQ(layer.instructions, 1u + 2 * 1000 + 1);
    EXPECT_EQ(layer.cycles,
              1u + 1000 + (1000 + 2 * 999) + (1 + 2));  // a refill of 2 for each branch that is taken
    const FunctionCost& glue = cost_of(cost, "toy_run");
    EXPECT_EQ(glue.instructions, 3u);
    EXPECT_EQ(glue.cycles, 3u + (1 + 2) + (3 + 2));
    EXPECT_EQ(cost.instructions, layer.instructions + glue.instructions);
    EXPECT_EQ(cost.cycles, layer.cycles + glue.cycles);
  }
}

TEST_F(CortexM4Run, charges_a_library_function_to_the_layer_that_calls_it) {
  const std::string copy = R"(
static volatile size_t few = 4, many = 48;
LAYER toy_layer_0_copy(void *arena) { memmove((char *)arena + 8, arena, few); }
LAYER toy_layer_1_copy(void *arena) { memmove((char *)arena + 8, arena, many); }
void toy_run(void *arena) { toy_layer_0_copy(arena); toy_layer_1_copy(arena); }
)";
  const ProgramRun run = run_on_cortex_m4(toy(copy), kOne, {.counted_samples = 1});
  const InferenceCost& cost = run.costs.at(0);
  ASSERT_EQ(cost.functions.size(), 3u);
  EXPECT_EQ(cost.functions[0].function, "toy_run");
  EXPECT_GT(cost_of(cost, "toy_layer_1_copy").instructions,
            cost_of(cost, "toy_layer_0_copy").instructions + 20);
  uint64_t instructions = 0;
  uint64_t cycles = 0;
  for (const FunctionCost& row : cost.functions) {
    instructions += row.instructions;
    cycles += row.cycles;
  }
  EXPECT_EQ(instructions, cost.instructions);
  EXPECT_EQ(cycles, cost.cycles);
}

TEST_F(CortexM4Run, keeps_equal_layers_apart) {
  const std::string twins = R"(
LAYER toy_layer_0_add(void *arena) { for (int i = 0; i < 8; ++i) ((volatile int8_t *)arena)[i] += 1; }
LAYER toy_layer_1_add(void *arena) { for (int i = 0; i < 8; ++i) ((volatile int8_t *)arena)[i] += 1; }
void toy_run(void *arena) { toy_layer_0_add(arena); toy_layer_1_add(arena); }
)";
  const ProgramRun run = run_on_cortex_m4(toy(twins), kOne, {.counted_samples = 1});
  EXPECT_EQ(cost_of(run.costs.at(0), "toy_layer_0_add").instructions,
            cost_of(run.costs.at(0), "toy_layer_1_add").instructions);
}

TEST_F(CortexM4Run, two_runs_give_the_same_counts) {
  const auto run = [] { return run_on_cortex_m4(toy(kIncrement), kOne, {.counted_samples = 1}); };
  const ProgramRun first = run();
  const ProgramRun second = run();
  EXPECT_EQ(first.outputs, second.outputs);
  EXPECT_EQ(first.stack_bytes, second.stack_bytes);
  EXPECT_GT(first.costs.at(0).instructions, 8u);
  EXPECT_EQ(first.costs.at(0).instructions, second.costs.at(0).instructions);
  EXPECT_EQ(first.costs.at(0).cycles, second.costs.at(0).cycles);
}

TEST_F(CortexM4Run, counts_only_as_many_samples_as_asked_but_runs_all) {
  const std::vector<Sample> five(5, sample(7));
  const ProgramRun run = run_on_cortex_m4(toy(kIncrement), five, {.counted_samples = 2});
  EXPECT_EQ(run.costs.size(), 2u);
  EXPECT_EQ(run.outputs.size(), 5u);
}

TEST_F(CortexM4Run, measures_the_stack_to_the_byte) {
  const auto framed = [](int words, int local) {
    return fmt::format(R"(
__attribute__((naked)) void toy_run(void *arena) {{
  (void)arena;
  __asm__ volatile("push {{r4-r{}}}\n sub sp, #{}\n str r0, [sp]\n add sp, #{}\n pop {{r4-r{}}}\n bx lr");
}})",
                       3 + words, local, local, 3 + words);
  };
  const ProgramRun deep = run_on_cortex_m4(toy(framed(4, 240)), kOne);
  EXPECT_EQ(deep.stack_bytes, 256u);
  EXPECT_EQ(deep.stack_bound_bytes, 256u);
  EXPECT_EQ(run_on_cortex_m4(toy(framed(2, 16)), kOne).stack_bytes, 24u);
  EXPECT_EQ(
      run_on_cortex_m4(toy("__attribute__((naked)) void toy_run(void *arena) { __asm__(\"bx lr\"); }"), kOne)
          .stack_bytes,
      0u);
}

TEST_F(CortexM4Run, measures_the_network_alone) {
  const std::string weights = R"(
static const int8_t weights[1000] = {1, 2, 3};
static const int8_t unused[5000] = {1};
LAYER toy_layer_0_sum(void *arena) {
  int sum = 0;
  for (int i = 0; i < 1000; ++i) sum += weights[i] * ((volatile int8_t *)arena)[i & 7];
  ((int8_t *)arena)[8] = (int8_t)sum;
}
void toy_run(void *arena) { toy_layer_0_sum(arena); }
)";
  const ProgramSize size = run_on_cortex_m4(toy(weights), kOne).size.value();
  EXPECT_EQ(size.constant_bytes, 1000u);
  EXPECT_EQ(size.data_bytes, 0u);
  EXPECT_GT(size.code_bytes, 16u);
  EXPECT_LT(size.code_bytes, 100u);  // nothing of the harness, whose code is ten times that
  const std::string with_library = R"(
#include <math.h>
void toy_run(void *arena) { ((float *)arena)[2] = expf(((float *)arena)[0]); }
)";
  const ProgramSize with_floats = run_on_cortex_m4(toy(with_library), kOne).size.value();
  EXPECT_GT(with_floats.code_bytes, 200u);
  // Variables of the library, most of which do not begin as zero
  EXPECT_GT(with_floats.data_bytes, 0u);
  EXPECT_GT(with_floats.initialized_bytes, with_floats.data_bytes / 2);
  EXPECT_LE(with_floats.initialized_bytes, with_floats.data_bytes);
}

TEST_F(CortexM4Run, traces_every_operator_of_every_sample) {
  const std::vector<Sample> two = {sample(0), sample(50)};
  for (const ProgramRun& run : {run_on_cortex_m4(toy(kIncrement), two, {.trace = true}),
                                run_on_host(toy(kIncrement), two, {.trace = true})}) {
    ASSERT_EQ(run.layers.size(), 2u);
    ASSERT_EQ(run.layers[1].size(), 1u);
    EXPECT_EQ(run.layers[1][0].node, 0);
    EXPECT_EQ(run.layers[1][0].data, sample(51));
    EXPECT_EQ(run.outputs, (std::vector<Sample>{sample(1), sample(51)}));
  }
}

TEST_F(CortexM4Run, finds_a_write_outside_the_arena) {
  const auto writing_at = [](int offset) {
    return toy(fmt::format("void toy_run(void *arena) {{ ((volatile int8_t *)arena)[{}] = 1; }}", offset));
  };
  EXPECT_NO_THROW(run_on_cortex_m4(writing_at(63), kOne));
  EXPECT_TRUE(mentions(error_of([&] { run_on_cortex_m4(writing_at(64), kOne); }), "past its arena"));
  EXPECT_TRUE(mentions(error_of([&] { run_on_cortex_m4(writing_at(-1), kOne); }), "before its arena"));
  EXPECT_TRUE(mentions(error_of([&] { run_on_host(writing_at(64), kOne); }), "past its arena"));
  EXPECT_TRUE(mentions(error_of([&] { run_on_host(writing_at(-1), kOne); }), "before its arena"));
}

TEST_F(CortexM4Run, a_read_of_what_was_never_written_differs_between_host_and_target) {
  const GeneratedC program =
      toy("void toy_run(void *arena) { ((int8_t *)arena)[8] = ((int8_t *)arena)[40]; }");
  EXPECT_NE(run_on_cortex_m4(program, kOne).outputs, run_on_host(program, kOne).outputs);
}

TEST_F(CortexM4Run, a_stray_write_ends_in_a_fault_that_names_the_function) {
  for (const char* target : {"(int *)0", "(int *)0x1000", "(int *)&constant", "(int *)0x60000000"}) {
    const std::string body = fmt::format(R"(
static const int constant = 5;
static int *volatile target = {};
LAYER toy_layer_0_stray(void *arena) {{ *target = ((int8_t *)arena)[0] + constant; }}
void toy_run(void *arena) {{ toy_layer_0_stray(arena); }}
)",
                                         target);
    const std::string error = error_of([&] { run_on_cortex_m4(toy(body), kOne, {.timeout_s = 20}); });
    EXPECT_TRUE(mentions(error, "fault in toy_layer_0_stray")) << target << ": " << error;
  }
}

TEST_F(CortexM4Run, an_undefined_instruction_and_an_unaligned_pair_end_in_a_fault) {
  for (const char* instruction : {"udf #0", "movs r1, #1\\n ldrd r2, r3, [r1]"}) {
    const std::string body = fmt::format(
        "void toy_run(void *arena) {{ (void)arena; __asm__ volatile(\"{}\" ::: \"r1\", \"r2\", \"r3\"); }}",
        instruction);
    const std::string error = error_of([&] { run_on_cortex_m4(toy(body), kOne, {.timeout_s = 20}); });
    EXPECT_TRUE(mentions(error, "fault in toy_run")) << instruction << ": " << error;
  }
}

TEST_F(CortexM4Run, a_stack_that_overflows_ends_in_an_error_and_not_in_a_spin) {
  const std::string body = R"(
static int deeper(volatile int *previous) { volatile int own[64]; own[0] = *previous + 1; return deeper(own) + own[0]; }
void toy_run(void *arena) { ((int8_t *)arena)[8] = (int8_t)deeper((volatile int *)arena); }
)";
  const std::string error = error_of([&] { run_on_cortex_m4(toy(body), kOne, {.timeout_s = 20}); });
  EXPECT_FALSE(mentions(error, "did not finish")) << error;
}

TEST_F(CortexM4Run, a_run_that_never_ends_is_stopped) {
  const GeneratedC endless = toy("void toy_run(void *arena) { for (;;) *(volatile char *)arena = 1; }");
  EXPECT_TRUE(mentions(error_of([&] { run_on_cortex_m4(endless, kOne, {.timeout_s = 1}); }),
                       "did not finish 1 samples"));
  EXPECT_TRUE(
      mentions(error_of([&] { run_on_host(endless, kOne, {.timeout_s = 1}); }), "did not finish 1 samples"));
}

TEST_F(CortexM4Run, shows_the_first_error_of_the_compiler) {
  const std::string error =
      error_of([&] { run_on_cortex_m4(toy("void toy_run(void *arena) { nonsense; }"), kOne); });
  EXPECT_TRUE(mentions(error, "toy.c") && mentions(error, "nonsense")) << error;
  EXPECT_TRUE(mentions(error_of([&] { run_on_host(toy("void toy_run(void *arena) { nonsense; }"), kOne); }),
                       "nonsense"));
}

TEST_F(CortexM4Run, says_when_the_weights_do_not_fit_the_board) {
  const std::string big = R"(
static const char weights[20 << 20] = {1};
void toy_run(void *arena) { ((char *)arena)[8] = weights[((volatile char *)arena)[0]]; }
)";
  const std::string error = error_of([&] { run_on_cortex_m4(toy(big), kOne); });
  EXPECT_TRUE(mentions(error, "does not fit the emulated board")) << error;
}

TEST_F(CortexM4Run, refuses_a_sample_of_the_wrong_size) {
  const std::vector<Sample> wrong = {Sample(7)};
  EXPECT_TRUE(mentions(error_of([&] { run_on_cortex_m4(toy(kIncrement), wrong); }), "has 7 bytes"));
}

TEST_F(CortexM4Run, moves_inputs_larger_than_a_megabyte) {
  GeneratedC program =
      toy("void toy_run(void *arena) { for (int i = 0; i < 1500000; ++i) ((int8_t *)arena)[1500000 + i] = "
          "(int8_t)(((int8_t *)arena)[i] ^ 5); }");
  program.input_bytes = program.output_bytes = {1'500'000};
  program.files[0].content = R"(
#include <stdint.h>
#define TOY_ARENA_BYTES 3000000
static inline int8_t *toy_input(void *arena) { return (int8_t *)arena; }
static inline const int8_t *toy_output(const void *arena) { return (const int8_t *)arena + 1500000; }
void toy_run(void *arena);
)";
  std::vector<Sample> samples(3, Sample(1'500'000));
  for (size_t i = 0; i < samples[2].size(); ++i) samples[2][i] = static_cast<std::byte>(i * 31);
  const ProgramRun run = run_on_cortex_m4(program, samples);
  EXPECT_EQ(run.outputs, run_on_host(program, samples).outputs);
  EXPECT_EQ(run.outputs[2][1000], samples[2][1000] ^ std::byte{5});
}

TEST_F(CortexM4Run, reads_several_inputs_and_writes_several_outputs_in_order) {
  GeneratedC program =
      toy("void toy_run(void *arena) { int8_t *a = arena; for (int i = 0; i < 4; ++i) { a[16 + i] = a[i]; "
          "a[20 + i] = a[8 + i]; } }");
  program.input_bytes = {4, 4};
  program.output_bytes = {4, 4};
  program.files[0].content = R"(
#include <stdint.h>
#define TOY_ARENA_BYTES 32
static inline int8_t *toy_input_0(void *arena) { return (int8_t *)arena; }
static inline int8_t *toy_input_1(void *arena) { return (int8_t *)arena + 8; }
static inline const int8_t *toy_output_0(const void *arena) { return (const int8_t *)arena + 20; }
static inline const int8_t *toy_output_1(const void *arena) { return (const int8_t *)arena + 16; }
void toy_run(void *arena);
)";
  const Sample in = sample(0);
  const Sample out = {in[4], in[5], in[6], in[7], in[0], in[1], in[2], in[3]};
  EXPECT_EQ(run_on_cortex_m4(program, kOne).outputs.at(0), out);
  EXPECT_EQ(run_on_host(program, kOne).outputs.at(0), out);
}

TEST_F(CortexM4Run, single_precision_runs_on_the_fpu) {
  const GeneratedC program = toy(R"(
void toy_run(void *arena) {
  float *data = arena;
  data[2] = data[0] * data[0] + data[1] / 3.0f;
  data[3] = data[1] - data[0];
}
)");
  const float in[2] = {1.1f, -7.3f};
  Sample bytes(8);
  std::memcpy(bytes.data(), in, 8);
  const std::vector<Sample> samples = {bytes};
  EXPECT_EQ(run_on_cortex_m4(program, samples).outputs, run_on_host(program, samples).outputs);
}

TEST(MissingTools, are_named_with_the_packages_that_hold_them) {
  const char* const path = std::getenv("PATH");
  const std::string saved = path != nullptr ? path : "";
  ::setenv("PATH", "/nonexistent", 1);
  const std::string target = error_of([] { run_on_cortex_m4(toy(kIncrement), kOne); });
  const std::string host = error_of([] { run_on_host(toy(kIncrement), kOne); });
  ::setenv("PATH", saved.c_str(), 1);
  EXPECT_TRUE(mentions(target, "apt-get install gcc-arm-none-eabi")) << target;
  EXPECT_TRUE(mentions(target, "qemu-system-arm")) << target;
  EXPECT_TRUE(mentions(host, "apt-get install gcc")) << host;
}

TEST(StackBound, adds_up_frames_along_the_deepest_calls) {
  const Image thumb = parse_disassembly(R"(
00000000 <run>:
   0:	b5f0      	push	{r4, r5, r6, r7, lr}
   2:	b086      	sub	sp, #24
   4:	f000 f80c 	bl	20 <leaf>
   8:	f000 f81a 	bl	40 <deeper>
   c:	bdf0      	pop	{r4, r5, r6, r7, pc}
00000020 <leaf>:
  20:	ed2d 8b04 	vpush	{d8-d9}
  24:	4770      	bx	lr
00000040 <deeper>:
  40:	e92d 4ff0 	stmdb	sp!, {r4, r5, r6, r7, r8, r9, sl, fp, lr}
  44:	f5ad 5d80 	sub.w	sp, sp, #4096	@ 0x1000
  48:	f84d 4d04 	str.w	r4, [sp, #-4]!
  4c:	e7e8      	b.n	20 <leaf>
)");
  EXPECT_EQ(stack_bound(thumb, "leaf"), 16U);
  EXPECT_EQ(stack_bound(thumb, "deeper"), 36U + 4096U + 4U + 16U);
  EXPECT_EQ(stack_bound(thumb, "run"), 20U + 24U + 36U + 4096U + 4U + 16U);
  EXPECT_EQ(stack_bound(thumb, "absent"), std::nullopt);
}

TEST(StackBound, knows_the_frames_of_other_cores) {
  const Image riscv = parse_disassembly(R"(
80000000 <run>:
80000000:	1101                	addi	sp,sp,-32
80000002:	02c000ef          	jal	ra,80000030 <leaf>
80000006:	6105                	addi	sp,sp,32
80000008:	8082                	ret
80000030 <leaf>:
80000030:	717d                	add	sp,sp,-16
80000032:	00a58593          	addi	a1,a1,-4
80000036:	8082                	ret
)");
  EXPECT_EQ(stack_bound(riscv, "run"), 48U);
  const Image aarch64 = parse_disassembly(R"(
0000000000400100 <run>:
  400100:	a9be7bfd 	stp	x29, x30, [sp, #-32]!
  400104:	d10083ff 	sub	sp, sp, #0x20
  400108:	d14007ff 	sub	sp, sp, #0x1, lsl #12
  40010c:	d65f03c0 	ret
)");
  EXPECT_EQ(stack_bound(aarch64, "run"), 32U + 32U + 4096U);
  const Image xtensa = parse_disassembly(R"(
40000000 <run>:
40000000:	e0c112        	addi	a1, a1, -32
40000003:	000105        	call0	40000014 <leaf>
40000006:	f00d      	ret.n
40000014 <leaf>:
40000014:	f00d      	ret.n
)");
  EXPECT_EQ(stack_bound(xtensa, "run"), 32U);
}

// Encodings: LLVM's tests of its assembler (llvm/test/MC/Xtensa), and what QEMU's disassembler says.
TEST(Image, names_what_the_objdump_of_an_lx106_does_not_know) {
  const Image image = parse_disassembly(R"(
40000000 <run>:
40000000:	1310a0        	excw
40000003:	800804        	excw
40000006:	802904        	excw
40000009:	0e8b76        	excw
4000000c:	280004        	excw
4000000f:	0b0804        	excw
40000012:	4869a4        	excw
40000015:	284044        	excw
40000018:	0310a0        	excw
4000001b:	3388b0        	excw
4000001e:	002080        	excw
)");
  std::string text;
  for (const auto& one : image.instructions) text += one.mnemonic + " " + one.operands + "\n";
  EXPECT_EQ(text,
            "wsr.acclo a10\nldinc m0, a8\nldinc m2, a9\nloop a11\nmula.dd.ll m0, m2\n"
            "mula.dd.hh.ldinc m0, a8, m0, m2\nmula.da.ll.ldinc m2, a9, m1, a10\nmula.dd.ll m1, m3\n"
            "rsr.acclo a10\nexcw \nexcw \n");
}

TEST(StackBound, is_not_had_where_the_code_does_not_say) {
  const auto bound_with = [](const std::string& instruction) {
    return stack_bound(parse_disassembly("00000000 <run>:\n   0:\tb5f0      \t" + instruction +
                                         "\n   4:\t4770      \tbx\tlr\n"),
                       "run");
  };
  EXPECT_EQ(bound_with("nop"), 0U);
  EXPECT_EQ(bound_with("ldr.w\tpc, [sp], #4"), 0U) << "a return";
  EXPECT_EQ(bound_with("ldr.w\tpc, [r3, #4]"), std::nullopt);
  EXPECT_EQ(bound_with("blx\tr3"), std::nullopt);
  EXPECT_EQ(bound_with("bx\tr3"), std::nullopt);
  EXPECT_EQ(bound_with("sub.w\tsp, sp, r3"), std::nullopt);
  EXPECT_EQ(bound_with("bl\t0 <run>"), std::nullopt) << "recursion";
}

TEST(Image, is_read_from_a_disassembly) {
  const Image image = parse_disassembly(
      "\nmodel.elf:     file format elf32-littlearm\n\nDisassembly of section .text:\n\n"
      "00000040 <f>:\n"
      "      40:\tb510      \tpush\t{r4, lr}\n"
      "      42:\tf44f 0170 \tmov.w\tr1, #15728640\t@ 0xf00000\n"
      "      46:\t4770      \tbx\tlr\n"
      "      48:\te000ed88 \t.word\t0xe000ed88\n\n"
      "0000004c <g.constprop.0>:\n"
      "      4c:\t4770      \tbx\tlr\n");
  ASSERT_EQ(image.instructions.size(), 4u);
  EXPECT_EQ(image.instructions[1].address, 0x42u);
  EXPECT_EQ(image.instructions[1].size, 4u);
  EXPECT_EQ(image.instructions[1].mnemonic, "mov.w");
  EXPECT_EQ(image.instructions[1].operands, "r1, #15728640");
  EXPECT_EQ(image.address_of("g.constprop.0"), 0x4cu);
  EXPECT_EQ(image.function_at(0x46)->name, "f");
  EXPECT_EQ(image.function_at(0x3f), nullptr);
  EXPECT_EQ(image.end(), 0x4eu);
  EXPECT_EQ(parse_disassembly("").end(), 0u);
}

}  // namespace
}  // namespace thimble::deploy
