#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/process.h"
#include "base/random.h"
#include "deploy/toy_program.h"

// What holds on every emulated computer; emulator_test.cpp tries the rest on the first of them.

namespace thimble::deploy {

namespace {

using test::error_of;
using test::mentions;
using test::sample;
using test::Sample;
using test::toy;

class EmulatedTarget : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override {
    for (const std::string& tool : {GetParam().tools + "gcc", GetParam().emulator[0], std::string("cc")}) {
      if (!find_program(tool)) GTEST_SKIP() << "SKIPPED, NOT TESTED: " << tool << " is not installed";
    }
  }
  ProgramRun run(const std::string& c, const std::vector<Sample>& samples,
                 const ProgramOptions& options = {}) const {
    return run_emulated(GetParam(), toy(c), samples, options);
  }
};

TEST_P(EmulatedTarget, gives_the_outputs_and_layers_of_every_sample) {
  const ProgramRun traced = run(test::kIncrement, {sample(0), sample(50)}, {.trace = true});
  EXPECT_EQ(traced.outputs, (std::vector<Sample>{sample(1), sample(51)}));
  ASSERT_EQ(traced.layers.size(), 2u);
  EXPECT_EQ(traced.layers[1].at(0).data, sample(51));
}

/// Two loops of two instructions: what they differ by is known exactly.
const char* const kLoops = R"(
#if defined __aarch64__
#define LOOP(n) __asm__ volatile("mov w9, #" #n "\n1: subs w9, w9, #1\n b.ne 1b" ::: "w9", "cc")
#elif defined __riscv
#define LOOP(n) __asm__ volatile("li t0, " #n "\n1: addi t0, t0, -1\n bnez t0, 1b" ::: "t0")
#elif defined __XTENSA__
#define LOOP(n) __asm__ volatile("movi a8, " #n "\n1: addi a8, a8, -1\n bnez a8, 1b" ::: "a8")
#else
#define LOOP(n) __asm__ volatile(".syntax unified\n movs r1, #" #n "\n1: subs r1, r1, #1\n bne 1b" ::: "r1", "cc")
#endif
LAYER toy_layer_0_loop(void *arena) { (void)arena; LOOP(50); }
LAYER toy_layer_1_loop(void *arena) { (void)arena; LOOP(250); }
void toy_run(void *arena) {
  volatile char deep[1000];
  deep[0] = 1;
  toy_layer_0_loop(arena);
  toy_layer_1_loop(arena);
  deep[1] = 2;
}
)";

TEST_P(EmulatedTarget, counts_instructions_by_layer_exactly_and_measures_stack_and_code) {
  const ProgramRun result = run(kLoops, {sample(0), sample(1)}, {.counted_samples = 2});
  ASSERT_EQ(result.costs.size(), 2u);
  const std::vector<FunctionCost>& functions = result.costs[1].functions;
  ASSERT_EQ(functions.size(), 3u);
  EXPECT_EQ(functions[0].function, "toy_run");
  EXPECT_EQ(functions[1].function, "toy_layer_0_loop");
  EXPECT_GT(functions[1].instructions, 100u);
  EXPECT_LT(functions[1].instructions, 110u);
  EXPECT_EQ(functions[2].instructions - functions[1].instructions, 2u * (250 - 50));
  EXPECT_EQ(result.costs[0].instructions, result.costs[1].instructions);
  EXPECT_GT(result.stack_bytes.value(), 990u);
  EXPECT_LT(result.stack_bytes.value(), 1100u);
  // ARMv6-M and Xtensa subtract a frame of that size from a register.
  const bool computed = GetParam().core == "cortex-m0plus" || GetParam().core == "xtensa-lx6";
  EXPECT_EQ(result.stack_bound_bytes.has_value(), !computed);
  if (result.stack_bound_bytes) {
    EXPECT_GE(*result.stack_bound_bytes, result.stack_bytes.value());
    EXPECT_LT(*result.stack_bound_bytes, 1200u);
  }
  EXPECT_GT(result.size.value().code_bytes, 20u);
}

TEST_P(EmulatedTarget, finds_a_write_outside_the_arena_and_a_read_of_what_was_never_written) {
  EXPECT_TRUE(mentions(
      error_of([&] { run("void toy_run(void *a) { ((volatile int8_t *)a)[64] = 1; }", {sample(0)}); }),
      "past its arena"));
  const std::string unwritten = "void toy_run(void *a) { ((int8_t *)a)[8] = ((int8_t *)a)[40]; }";
  EXPECT_NE(run(unwritten, {sample(0)}).outputs,
            run_on_host(toy(unwritten), std::vector<Sample>{sample(0)}).outputs);
}

TEST_P(EmulatedTarget, names_the_function_of_a_fault) {
  std::vector<std::string> faults = {R"(
#if defined __aarch64__
  __asm__ volatile(".inst 0x4e829420"); /* sdot v0.4s, v1.16b, v2.16b: no Cortex-A72 has it */
#elif defined __riscv
  __asm__ volatile(".word 0x00a57553"); /* fadd.s fa0, fa0, fa0 */
#elif defined __XTENSA__
  __asm__ volatile("ill");
#else
  __asm__ volatile("udf #0");
#endif
)"};
  // The LX6 has no memory protection.
  if (GetParam().core != "xtensa-lx6") faults.emplace_back("*(volatile int *)(uintptr_t)&toy_constant = 5;");
  if (GetParam().core == "cortex-m0plus") faults.emplace_back("*(volatile int *)((char *)arena + 1);");
  for (const std::string& fault : faults) {
    const std::string body = fmt::format(
        "const int toy_constant = 7;\n"
        "LAYER toy_layer_0_fault(void *arena) {{ (void)arena; {} }}\n"
        "void toy_run(void *arena) {{ toy_layer_0_fault(arena); }}",
        fault);
    const std::string error = error_of([&] { run(body, {sample(0)}, {.timeout_s = 20}); });
    EXPECT_TRUE(mentions(error, "a fault in toy_layer_0_fault")) << fault << ": " << error;
  }
}

TEST_P(EmulatedTarget, missing_tools_are_named_with_the_packages_that_hold_them) {
  const char* const path = std::getenv("PATH");
  const std::string saved = path != nullptr ? path : "";
  ::setenv("PATH", "/nonexistent", 1);
  const std::string error = error_of([&] { run(test::kIncrement, {sample(0)}); });
  ::setenv("PATH", saved.c_str(), 1);
  EXPECT_TRUE(mentions(error, GetParam().tools + "gcc") && mentions(error, GetParam().emulator[0])) << error;
  EXPECT_TRUE(mentions(error, "apt-get install " + GetParam().packages)) << error;
}

INSTANTIATE_TEST_SUITE_P(, EmulatedTarget, testing::ValuesIn(targets().begin(), targets().end()),
                         [](const testing::TestParamInfo<Target>& target) {
                           return test::identifier(target.param);
                         });

Sample pair(uint32_t a, uint32_t b) {
  Sample bytes(8);
  std::memcpy(bytes.data(), &a, 4);
  std::memcpy(bytes.data() + 4, &b, 4);
  return bytes;
}

float float_at(const Sample& bytes, size_t index) {
  float value;
  std::memcpy(&value, bytes.data() + 4 * index, 4);
  return value;
}

/// Numbers at the edges of float32 and int32 beside random ones.
std::vector<Sample> pairs() {
  const uint32_t edges[] = {0,          1,          2,          0x80000000, 0x80000001, 0x007FFFFF,
                            0x00800000, 0x3F800000, 0xBF800000, 0x3F7FFFFF, 0x7F7FFFFF, 0xFF7FFFFF,
                            0x7F800000, 0xFF800000, 0x7FC00000, 0x4B800001, 0x33800000, 0x34000001,
                            0x00FFFFFF, 0xFFFFFFFF, 0x7FFFFFFF};
  std::vector<Sample> all;
  for (const uint32_t a : edges) {
    for (const uint32_t b : edges) all.push_back(pair(a, b));
  }
  Random random(7);
  for (int i = 0; i < 2000; ++i) {
    const auto bits = [&] { return static_cast<uint32_t>(random.bits() >> 32); };
    // Exponents near each other, where additions cancel and round.
    const uint32_t a = bits();
    all.push_back(pair(a, i % 2 == 0 ? bits() : (a ^ (bits() & 0x81FFFFFF))));
  }
  return all;
}

void expect_as_on_host(const std::string& c, bool floats) {
  const Target& xtensa = *std::ranges::find(targets(), "xtensa-lx6", &Target::core);
  if (!find_program(xtensa.tools + "gcc")) GTEST_SKIP() << "SKIPPED, NOT TESTED: no compiler for Xtensa";
  const std::vector<Sample> samples = pairs();
  const ProgramRun there = run_emulated(xtensa, toy(c), samples);
  const ProgramRun here = run_on_host(toy(c), samples);
  for (size_t i = 0; i < samples.size(); ++i) {
    if (there.outputs[i] == here.outputs[i]) continue;
    for (size_t k = 0; k < 2; ++k) {
      const float a = float_at(there.outputs[i], k);
      const float b = float_at(here.outputs[i], k);
      const bool both_nan = floats && std::isnan(a) && std::isnan(b);
      EXPECT_TRUE(both_nan || std::memcmp(&a, &b, 4) == 0)
          << "result " << k << " of " << float_at(samples[i], 0) << " and " << float_at(samples[i], 1) << ": "
          << a << " instead of " << b;
    }
  }
}

TEST(ArithmeticLx106, float_sums_and_products_are_those_of_ieee_754) {
  expect_as_on_host("void toy_run(void *a) { float *x = a; x[2] = x[0] + x[1]; x[3] = x[0] * x[1]; }", true);
  expect_as_on_host("void toy_run(void *a) { float *x = a; x[2] = x[0] - x[1]; x[3] = x[0] / x[1]; }", true);
}

TEST(ArithmeticLx106, integers_become_floats_rounded_to_nearest_even) {
  expect_as_on_host(
      "void toy_run(void *a) { float *x = a; x[2] = (float)((int32_t *)a)[0]; x[3] = (float)((uint32_t "
      "*)a)[1]; }",
      true);
  expect_as_on_host(
      "void toy_run(void *a) { float *x = a; uint32_t *n = a; n[2] = x[0] >= 0 && x[0] < 4294967296.0f ? "
      "(uint32_t)x[0] : 0; n[3] = n[1]; }",
      false);
}

TEST(ArithmeticLx106, integer_division_and_wide_products_are_exact) {
  expect_as_on_host(
      "void toy_run(void *a) { int32_t *x = a; const int32_t d = x[1] == 0 || x[1] == -1 ? 3 : x[1]; "
      "x[2] = x[0] / d; x[3] = x[0] % d; }",
      false);
  expect_as_on_host(
      "void toy_run(void *a) { uint32_t *x = a; const uint32_t d = x[1] | 1; x[2] = x[0] / d; x[3] = x[0] % "
      "d; }",
      false);
  expect_as_on_host(
      "void toy_run(void *a) { int32_t *x = a; const int64_t p = (int64_t)x[0] * x[1]; "
      "x[2] = (int32_t)(p >> 31); x[3] = (int32_t)(p * x[0] >> 32); }",
      false);
}

}  // namespace
}  // namespace thimble::deploy
