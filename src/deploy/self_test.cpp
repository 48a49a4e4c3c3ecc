#include "deploy/self_test.h"

#include <fmt/format.h>

#include "deploy/c_text.h"
#include "deploy/run_model.h"
#include "deploy/verify.h"

namespace thimble::deploy {
namespace {

std::string byte_array(std::string_view name, const std::vector<std::vector<std::byte>>& samples) {
  std::string text =
      fmt::format("static const uint8_t {}[{}][{}] = {{\n", name, samples.size(), samples[0].size());
  for (const std::vector<std::byte>& sample : samples) {
    text += "    {";
    for (size_t i = 0; i < sample.size(); ++i) {
      text += fmt::format("{}{}", i == 0 ? "" : i % 24 == 0 ? ",\n     " : ",", static_cast<int>(sample[i]));
    }
    text += "},\n";
  }
  return text + "};\n";
}

std::string header(const GeneratedC& program, const SelfTest& test) {
  const std::string& p = program.prefix;
  return fmt::format(R"(/* Self-test of '{0}', written by Thimble: {2}. */
#ifndef {1}_SELF_TEST_H
#define {1}_SELF_TEST_H

#ifdef __cplusplus
extern "C" {{
#endif

#define {1}_SELF_TEST_SAMPLES {3}

/* Writes the inputs of a sample, from 0 on, where {0}_run reads them. */
void {0}_load_sample(void *arena, int sample);

/* Runs all samples. Returns how many of them gave other outputs than the reference: 0 on a sound board. */
int {0}_self_test(void *arena);

#ifdef __cplusplus
}}
#endif

#endif
)",
                     p, upper_case(p), c_comment(test.origin), test.inputs.size());
}

std::string source(const GeneratedC& program, const SelfTest& test) {
  const std::string& p = program.prefix;
  std::string text = fmt::format(
      "/* Self-test of '{0}', written by Thimble: {1}.\n * Bytes are those of a little-endian device. */\n"
      "#include \"{0}_self_test.h\"\n\n#include <stdint.h>\n#include <string.h>\n\n#include \"{0}.h\"\n\n",
      p, c_comment(test.origin));
  text += byte_array("inputs", test.inputs) + "\n" + byte_array("outputs", test.outputs);
  bool floats = false;
  for (const bool is_float : test.is_float) floats = floats || is_float;
  if (floats) text += is_near_function();
  text += fmt::format("\nvoid {}_load_sample(void *arena, int sample) {{\n", p);
  size_t offset = 0;
  for (size_t i = 0; i < program.input_bytes.size(); ++i) {
    const std::string name = accessor_name(p, "input", i, program.input_bytes.size());
    text +=
        fmt::format("  memcpy({}(arena), inputs[sample] + {}, {}_BYTES);\n", name, offset, upper_case(name));
    offset += program.input_bytes[i];
  }
  text += fmt::format(
      "}}\n\nint {0}_self_test(void *arena) {{\n  int differ = 0;\n  for (int sample = 0; sample < "
      "{1}_SELF_TEST_SAMPLES; ++sample) {{\n    int equal = 1;\n    {0}_load_sample(arena, sample);\n    "
      "{0}_run(arena);\n",
      p, upper_case(p));
  offset = 0;
  for (size_t i = 0; i < program.output_bytes.size(); ++i) {
    const std::string name = accessor_name(p, "output", i, program.output_bytes.size());
    const std::string bytes = upper_case(name);
    text += test.is_float[i] ? fmt::format(
                                   "    equal = equal && is_near({}(arena), outputs[sample] + {}, "
                                   "{}_ELEMENTS);\n",
                                   name, offset, bytes)
                             : fmt::format(
                                   "    equal = equal && memcmp({}(arena), outputs[sample] + {}, "
                                   "{}_BYTES) == 0;\n",
                                   name, offset, bytes);
    offset += program.output_bytes[i];
  }
  return text + "    differ += !equal;\n  }\n  return differ;\n}\n";
}

}  // namespace

SelfTest self_test_of(const Graph& graph, std::vector<std::vector<std::byte>> samples, std::string origin) {
  SelfTest test;
  test.origin = std::move(origin);
  test.outputs = run_model(graph, samples, "host", false).outputs;
  test.inputs = std::move(samples);
  for (const TensorId id : graph.outputs) {
    test.is_float.push_back(graph.tensor(id).type == DataType::kFloat32);
  }
  return test;
}

std::string is_near_function() {
  return fmt::format(R"(
/* Mathematical libraries round differently: equal within {} of the largest value. */
static int is_near(const float *output, const uint8_t *expected, int elements) {{
  float largest = 0;
  for (int i = 0; i < elements; ++i) {{
    float value;
    memcpy(&value, expected + 4 * i, 4);
    if (value > largest) largest = value;
    if (-value > largest) largest = -value;
  }}
  for (int i = 0; i < elements; ++i) {{
    float value;
    memcpy(&value, expected + 4 * i, 4);
    value -= output[i];
    if (!(value <= {}F * largest && -value <= {}F * largest)) return 0;
  }}
  return 1;
}}
)",
                     kFloatTolerance, kFloatTolerance, kFloatTolerance);
}

std::vector<GeneratedFile> self_test_files(const GeneratedC& program, const SelfTest& test) {
  return {{program.prefix + "_self_test.h", header(program, test)},
          {program.prefix + "_self_test.c", source(program, test)}};
}

GeneratedFile self_test_samples(const GeneratedC& program, const SelfTest& test) {
  const std::string capitals = upper_case(program.prefix);
  return {
      program.prefix + "_samples.h",
      fmt::format("/* Samples of '{0}' and their outputs, written by Thimble: {2}. */\n#ifndef "
                  "{1}_SAMPLES_H\n#define {1}_SAMPLES_H\n\n#include <stdint.h>\n\n#define {1}_SAMPLES {3}\n"
                  "{4}\n{5}\n#endif\n",
                  program.prefix, capitals, c_comment(test.origin), test.inputs.size(),
                  byte_array(program.prefix + "_inputs", test.inputs),
                  byte_array(program.prefix + "_outputs", test.outputs))};
}

}  // namespace thimble::deploy
