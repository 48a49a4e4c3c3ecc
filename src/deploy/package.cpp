#include "deploy/package.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "deploy/c_text.h"

namespace thimble::deploy {
namespace {

/// Whether Thimble wrote a file: its first lines say so, a .tflite file's description, or it is a kernel
/// header.
bool is_ours(const std::string& name, std::string_view content) {
  const std::string_view head = name.ends_with(".tflite") ? content : content.substr(0, 2000);
  for (const std::string_view mark : {"Written by Thimble", "written by Thimble", "#ifndef THIMBLE_"}) {
    if (head.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

std::string build_file(const GeneratedC& program, const PackageOptions& options) {
  const std::string& p = program.prefix;
  const bool tested = !options.self_test.inputs.empty();
  std::string text = fmt::format(
      R"(# Written by Thimble. In your own project: add_subdirectory(this folder), then link {0}.
cmake_minimum_required(VERSION 3.10)
project({0} C)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library({0} STATIC {0}.c{1})
target_include_directories({0} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
set_target_properties({0} PROPERTIES C_STANDARD 99)
find_library({0}_MATH m)
if({0}_MATH)
  target_link_libraries({0} PUBLIC ${{{0}_MATH}})
endif()

if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)
  add_executable({0}_example example/main.c)
  target_link_libraries({0}_example {0})
)",
      p, tested ? fmt::format(" {}_self_test.c", p) : "");
  if (options.kind == PackageKind::kCMake) {
    text += fmt::format(
        "  add_executable({0}_benchmark benchmark/main.c)\n  target_link_libraries({0}_benchmark {0})\n", p);
  }
  if (tested) {
    text += fmt::format(R"(  enable_testing()
  add_executable({0}_check self_test/main.c)
  target_link_libraries({0}_check {0})
  add_test(NAME {0}_self_test COMMAND {0}_check)
)",
                        p);
  }
  return text + "endif()\n";
}

/// C that fills the inputs: with sample `index`, or with zeros where there are no samples.
std::string load_inputs(const GeneratedC& program, const SelfTest& test, std::string_view index) {
  const std::string& p = program.prefix;
  if (!test.inputs.empty())
    return fmt::format("{0}_load_sample({0}_arena, {1}); /* your data goes here */\n", p, index);
  std::string text;
  for (size_t i = 0; i < program.input_bytes.size(); ++i) {
    const std::string name = accessor_name(p, "input", i, program.input_bytes.size());
    text += fmt::format("{}memset({}({}_arena), 0, {}_BYTES); /* your data goes here */\n",
                        i == 0 ? "" : "  ", name, p, upper_case(name));
  }
  return text;
}

/// The headers that an example needs.
std::string includes(const GeneratedC& program, const SelfTest& test, std::string_view more) {
  std::string text = fmt::format("#include \"{}.h\"\n", program.prefix);
  if (!test.inputs.empty()) text += fmt::format("#include \"{}_self_test.h\"\n", program.prefix);
  text += fmt::format("\n{}", more);
  if (test.inputs.empty()) text += "#include <string.h>\n";
  return text;
}

/// A C function that gives the index of the largest value of the first output.
std::string largest_output(const GeneratedC& program) {
  const std::string name = accessor_name(program.prefix, "output", 0, program.output_bytes.size());
  return fmt::format(R"(
static int predicted_class(void) {{
  int best = 0;
  for (int i = 1; i < {0}_ELEMENTS; ++i) {{
    if ({1}({2}_arena)[i] > {1}({2}_arena)[best]) best = i;
  }}
  return best;
}}
)",
                     upper_case(name), name, program.prefix);
}

std::string example(const GeneratedC& program, const SelfTest& test) {
  const std::string& p = program.prefix;
  const size_t outputs = program.output_bytes.size();
  std::string text = fmt::format(
      "/* Example written by Thimble: runs the network once on {}. Edit a copy: this file is written "
      "anew. */\n{}\nint main(void) {{\n  {}  {}_run({}_arena);\n",
      test.inputs.empty() ? "zeros" : "a sample", includes(program, test, "#include <stdio.h>\n"),
      load_inputs(program, test, "0"), p, p);
  for (size_t i = 0; i < outputs; ++i) {
    const std::string name = accessor_name(p, "output", i, outputs);
    text += fmt::format(
        "  for (int i = 0; i < {0}_ELEMENTS; ++i) printf(\"%g\\n\", (double){1}({2}_arena)[i]);\n",
        upper_case(name), name, p);
  }
  return text + "  return 0;\n}\n";
}

std::string check_program(const GeneratedC& program) {
  return fmt::format(
      R"(/* Written by Thimble: runs the self-test; exit code 0 when every output is the expected one. */
#include <stdio.h>

#include "{0}.h"
#include "{0}_self_test.h"

int main(void) {{
  const int differ = {0}_self_test({0}_arena);
  printf("%d of %d samples differ\n", differ, {1}_SELF_TEST_SAMPLES);
  return differ != 0;
}}
)",
      program.prefix, upper_case(program.prefix));
}

std::string benchmark(const GeneratedC& program, const SelfTest& test) {
  return fmt::format(
      R"(/* Benchmark written by Thimble: microseconds of one run, the median and the least of many. */
#define _POSIX_C_SOURCE 199309L
{2}#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_us(void) {{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}}

static int ascending(const void *a, const void *b) {{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}}

int main(int argc, char **argv) {{
  static double us[100000];
  int runs = argc > 1 ? atoi(argv[1]) : 1000;
  if (runs < 1 || runs > 100000) runs = 1000;
  for (int i = 0; i < runs; ++i) {{
    {3}    const double start = now_us();
    {0}_run({0}_arena);
    us[i] = now_us() - start;
  }}
  qsort(us, (size_t)runs, sizeof us[0], ascending);
  printf("%d runs: median %.1f us, least %.1f us, %.2f multiply-accumulates a ns\n", runs, us[runs / 2], us[0],
         (double){1}_MACS / us[0] * 1e-3);
  return 0;
}}
)",
      program.prefix, upper_case(program.prefix), includes(program, test, ""),
      load_inputs(program, test,
                  "i % " + (test.inputs.empty() ? "1" : upper_case(program.prefix) + "_SELF_TEST_SAMPLES")));
}

/// The IDE finds no library without all of these, but takes an address that is empty (Arduino, "Library
/// specification"); only who publishes the library knows one.
std::string library_properties(const GeneratedC& program) {
  return fmt::format(
      R"(# To publish this library, name its page under url and yourself as author and maintainer.
name={0}
version=1.0.0
author=Thimble
maintainer=Thimble
sentence=A neural network, written by Thimble.
paragraph=Plain C without heap: {1} bytes of RAM for its arena, {2} bytes of flash for its constants.
category=Data Processing
url=
architectures=*
includes={0}.h
)",
      program.prefix, program.arena_bytes, program.weights_bytes);
}

std::string sketch(const GeneratedC& program, const SelfTest& test) {
  const std::string& p = program.prefix;
  const bool tested = !test.inputs.empty();
  return fmt::format(
      R"(// Example sketch written by Thimble: {4}prints the class and the microseconds of each run.
{2}{3}
void setup() {{
  Serial.begin(115200);
  while (!Serial && millis() < 3000) {{
  }}
{5}}}

void loop() {{
  static int sample = 0;
  {6}  const unsigned long start = micros();
  {0}_run({0}_arena);
  const unsigned long us = micros() - start;
  Serial.print("sample ");
  Serial.print(sample);
  Serial.print(": class ");
  Serial.print(predicted_class());
  Serial.print(", ");
  Serial.print(us);
  Serial.println(" us");
  sample = (sample + 1) % {1};
  delay(1000);
}}
)",
      p, tested ? upper_case(p) + "_SELF_TEST_SAMPLES" : "1", includes(program, test, ""),
      largest_output(program), tested ? "runs the self-test, then reads samples and " : "",
      tested ? fmt::format("  Serial.print({0}_self_test({0}_arena));\n  Serial.print(\" of \");\n  "
                           "Serial.print({1}_SELF_TEST_SAMPLES);\n  Serial.println(\" samples differ "
                           "from the reference\");\n",
                           p, upper_case(p))
             : "",
      load_inputs(program, test, "sample"));
}

std::string component_file(const GeneratedC& program, const SelfTest& test) {
  return fmt::format(
      R"(# Written by Thimble: an ESP-IDF component. In your own project: put this folder into components/.
idf_component_register(SRCS "{0}.c"{1} INCLUDE_DIRS ".")
target_compile_options(${{COMPONENT_LIB}} PRIVATE -O2)
)",
      program.prefix, test.inputs.empty() ? "" : fmt::format(" \"{}_self_test.c\"", program.prefix));
}

std::string esp_idf_example(const GeneratedC& program, const SelfTest& test) {
  const std::string& p = program.prefix;
  const bool tested = !test.inputs.empty();
  return fmt::format(
      R"(/* Example written by Thimble: {3}prints the class and the microseconds of each run. */
{1}#include <stdio.h>

#include "esp_timer.h"
{2}
void app_main(void) {{
{4}  for (int sample = 0; sample < {5}; ++sample) {{
    {6}    const int64_t start = esp_timer_get_time();
    {0}_run({0}_arena);
    const long us = (long)(esp_timer_get_time() - start);
    printf("sample %d: class %d, %ld us\n", sample, predicted_class(), us);
  }}
}}
)",
      p, includes(program, test, ""), largest_output(program),
      tested ? "runs the self-test, then reads samples and " : "",
      tested ? fmt::format("  printf(\"%d of %d samples differ from the reference\\n\", "
                           "{0}_self_test({0}_arena), {1}_SELF_TEST_SAMPLES);\n",
                           p, upper_case(p))
             : "",
      tested ? upper_case(p) + "_SELF_TEST_SAMPLES" : "1", load_inputs(program, test, "sample"));
}

/// The method of TensorFlow Lite Micro's MicroMutableOpResolver that registers an operator:
/// CONV_2D -> AddConv2D.
std::string resolver_method(std::string_view builtin) {
  struct Named {
    std::string_view builtin, method;
  };
  static constexpr Named kNamed[] = {{"ADD", "AddAdd"},
                                     {"AVERAGE_POOL_2D", "AddAveragePool2D"},
                                     {"CONCATENATION", "AddConcatenation"},
                                     {"CONV_2D", "AddConv2D"},
                                     {"DEPTHWISE_CONV_2D", "AddDepthwiseConv2D"},
                                     {"DEQUANTIZE", "AddDequantize"},
                                     {"FULLY_CONNECTED", "AddFullyConnected"},
                                     {"HARD_SWISH", "AddHardSwish"},
                                     {"LEAKY_RELU", "AddLeakyRelu"},
                                     {"LOGISTIC", "AddLogistic"},
                                     {"MAXIMUM", "AddMaximum"},
                                     {"MAX_POOL_2D", "AddMaxPool2D"},
                                     {"MEAN", "AddMean"},
                                     {"MINIMUM", "AddMinimum"},
                                     {"MUL", "AddMul"},
                                     {"PAD", "AddPad"},
                                     {"PADV2", "AddPadV2"},
                                     {"QUANTIZE", "AddQuantize"},
                                     {"RELU", "AddRelu"},
                                     {"RELU6", "AddRelu6"},
                                     {"RESHAPE", "AddReshape"},
                                     {"RESIZE_NEAREST_NEIGHBOR", "AddResizeNearestNeighbor"},
                                     {"SLICE", "AddSlice"},
                                     {"SOFTMAX", "AddSoftmax"},
                                     {"STRIDED_SLICE", "AddStridedSlice"},
                                     {"SUB", "AddSub"},
                                     {"TANH", "AddTanh"},
                                     {"TRANSPOSE", "AddTranspose"}};
  const auto* const found = std::ranges::find(kNamed, builtin, &Named::builtin);
  if (found == std::end(kNamed)) {
    throw Error(fmt::format("Operator {}", builtin), "is not among those of TensorFlow Lite Micro",
                "Deploy as C (--package c) instead");
  }
  return std::string(found->method);
}

std::string resolver_header(const GeneratedC& program, const TfliteFile& tflite) {
  const std::string& p = program.prefix;
  std::string text = fmt::format(R"(// The operators of '{0}' for TensorFlow Lite Micro, written by Thimble.
#ifndef {1}_OP_RESOLVER_H
#define {1}_OP_RESOLVER_H

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

using {0}_op_resolver = tflite::MicroMutableOpResolver<{2}>;

// Registers all that the model needs, and nothing else.
inline TfLiteStatus {0}_register_ops({0}_op_resolver& resolver) {{
)",
                                 p, upper_case(p), tflite.operators.size());
  for (const std::string& name : tflite.operators) {
    text += fmt::format("  if (resolver.{}() != kTfLiteOk) return kTfLiteError;\n", resolver_method(name));
  }
  return text + "  return kTfLiteOk;\n}\n\n#endif\n";
}

std::string model_header(const GeneratedC& program, const TfliteFile& tflite) {
  const std::string& p = program.prefix;
  std::string text = fmt::format(
      "/* The file {0}.tflite as an array, written by Thimble. */\n#ifndef {1}_MODEL_H\n#define "
      "{1}_MODEL_H\n\n#include <stdint.h>\n\n#define {1}_MODEL_BYTES {2}\n#ifdef "
      "__cplusplus\nalignas(16)\n#else\n"
      "_Alignas(16)\n#endif\nstatic const uint8_t {0}_model[{1}_MODEL_BYTES] = {{",
      p, upper_case(p), tflite.content.size());
  for (size_t i = 0; i < tflite.content.size(); ++i) {
    text += fmt::format("{}{}",
                        i == 0        ? "\n    "
                        : i % 24 == 0 ? ",\n    "
                                      : ",",
                        static_cast<int>(static_cast<uint8_t>(tflite.content[i])));
  }
  return text + "\n};\n\n#endif\n";
}

std::string tflite_example(const GeneratedC& program, const SelfTest& test) {
  const std::string& p = program.prefix;
  std::string text =
      fmt::format(R"(// Example written by Thimble: the model in TensorFlow Lite Micro{2}.
#include "{0}_model.h"
#include "{0}_op_resolver.h"
{3}
#include <cstdio>
#include <cstring>

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

{5}// TensorFlow Lite Micro's plan differs from Thimble's: lower this to what arena_used_bytes() says.
alignas(16) static uint8_t arena[{4}];

int main() {{
  {0}_op_resolver resolver;
  if ({0}_register_ops(resolver) != kTfLiteOk) return 1;
  tflite::MicroInterpreter interpreter(tflite::GetModel({0}_model), resolver, arena, sizeof arena);
  if (interpreter.AllocateTensors() != kTfLiteOk) return 1;
)",
                  p, upper_case(p), test.inputs.empty() ? "" : ", run on the samples",
                  test.inputs.empty() ? "" : fmt::format("#include \"{}_samples.h\"\n", p),
                  program.arena_bytes * 2 + 32768,
                  std::ranges::count(test.is_float, true) > 0 ? is_near_function().substr(1) + "\n" : "");
  if (test.inputs.empty()) return text + "  return interpreter.Invoke() != kTfLiteOk;\n}\n";
  text += fmt::format("  int differ = 0;\n  for (int sample = 0; sample < {}_SAMPLES; ++sample) {{\n",
                      upper_case(p));
  size_t offset = 0;
  for (size_t i = 0; i < program.input_bytes.size(); ++i) {
    text += fmt::format("    std::memcpy(interpreter.input({})->data.raw, {}_inputs[sample] + {}, {});\n", i,
                        p, offset, program.input_bytes[i]);
    offset += program.input_bytes[i];
  }
  text += "    if (interpreter.Invoke() != kTfLiteOk) return 1;\n    bool equal = true;\n";
  offset = 0;
  for (size_t i = 0; i < program.output_bytes.size(); ++i) {
    text += test.is_float[i]
                ? fmt::format(
                      "    equal = equal && is_near(interpreter.output({})->data.f, {}_outputs[sample] + {}, "
                      "{});\n",
                      i, p, offset, program.output_bytes[i] / sizeof(float))
                : fmt::format(
                      "    equal = equal && std::memcmp(interpreter.output({})->data.raw, {}_outputs[sample] "
                      "+ {}, {}) == 0;\n",
                      i, p, offset, program.output_bytes[i]);
    offset += program.output_bytes[i];
  }
  return text + fmt::format(
                    "    differ += !equal;\n  }}\n  std::printf(\"%d of %d samples differ\\n\", differ, "
                    "{}_SAMPLES);\n  return differ != 0;\n}}\n",
                    upper_case(p));
}

/// What a kind of package needs and how it is used.
std::string usage(const GeneratedC& program, const PackageOptions& options) {
  const std::string& p = program.prefix;
  const bool tested = !options.self_test.inputs.empty();
  switch (options.kind) {
    case PackageKind::kC:
    case PackageKind::kCMake:
      return fmt::format(
          R"(A neural network as plain C99, written by Thimble. `{0}.h` says how to call it; `example/main.c` does.

    cmake -S . -B build && cmake --build build && build/{0}_example
{1}{2}
Without CMake: compile `{0}.c` with this folder as it is, and link the C library's mathematics (`-lm`) if it asks for it.
)",
          p, tested ? "    (cd build && ctest)                     the self-test\n" : "",
          options.kind == PackageKind::kCMake
              ? fmt::format("    build/{}_benchmark                 the time of a run on this machine\n"
                            "\nFor a Raspberry Pi 4 add `-DCMAKE_C_FLAGS=-mcpu=cortex-a72`; elsewhere, "
                            "`-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc` compiles for one.\n",
                            p)
              : "");
    case PackageKind::kArduino:
      return fmt::format(
          R"(A neural network as an Arduino library, written by Thimble. It needs no other library.

Copy this folder into `libraries/` of your sketchbook (or add it as a .ZIP library), then open the example `run_sample`.
`src/{0}.h` says how to call the network.
)",
          p);
    case PackageKind::kEspIdf:
      return fmt::format(
          R"(A neural network as an ESP-IDF component, written by Thimble. It needs no other component; the example
needs esp_timer, which ESP-IDF holds.

    cd example && idf.py set-target esp32 && idf.py flash monitor

In your own project copy this folder into `components/`. `{0}.h` says how to call the network.
)",
          p);
    case PackageKind::kTflite:
      return fmt::format(
          R"(A neural network for TensorFlow Lite Micro, written by Thimble: `{0}.tflite`, the same as an array in
`{0}_model.h`, and in `{0}_op_resolver.h` the operators that it needs ({1}). `example/main.cpp` runs it.
It needs TensorFlow Lite Micro, whose arena and code are its own: the figures below are those of Thimble's C for the same network.
)",
          p, fmt::join(options.tflite.operators, ", "));
  }
  return {};
}

std::string readme(const GeneratedC& program, const PackageOptions& options) {
  std::string text = fmt::format("# {}\n\n{}\n", program.prefix, usage(program, options));
  const SelfTest& test = options.self_test;
  if (!test.inputs.empty()) {
    text += fmt::format(
        "The self-test holds {}, with the outputs of Thimble's integer reference; it takes {} bytes of "
        "flash\nwhere "
        "it is called.\n\n",
        test.origin, test.inputs.size() * (test.inputs[0].size() + test.outputs[0].size()));
  }
  text +=
      fmt::format(R"(| | |
|---|---|
| RAM, arena | {} bytes (no plan can have less than {}) |
| flash, constants | {} bytes |
| multiply-accumulates a run | {} |

Code and stack come on top: `thimble profile` measures them. No heap, no recursion, no variables beside the arena.

| layer | operator | kernel | multiply-accumulates | constants, bytes | live, bytes |
|---|---|---|---|---|---|
)",
                  program.arena_bytes, program.plan.lower_bound_bytes, program.weights_bytes, program.macs);
  for (size_t i = 0; i < program.layers.size(); ++i) {
    const GeneratedLayer& layer = program.layers[i];
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", i, layer.op,
                        layer.kernel.empty() ? "-" : layer.kernel, layer.macs, layer.weights_bytes,
                        layer.arena_bytes);
  }
  return text;
}

[[noreturn]] void fail_to_write(const std::filesystem::path& path, const std::error_code& why) {
  throw Error(path.string(), fmt::format("cannot be written ({})", why.message()),
              "Choose another folder with -o, or make room there");
}

/// A new folder within the package's, gone at the end of its life; the package's too if it came with it and
/// stayed empty.
class Staging {
 public:
  explicit Staging(const std::filesystem::path& package)
      : package_(package), is_new_(!std::filesystem::exists(package)) {
    std::error_code failed;
    std::filesystem::create_directories(package, failed);
    if (failed) fail_to_write(package, failed);
    std::string pattern = (package / ".thimble.XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) fail_to_write(package, {errno, std::generic_category()});
    path_ = pattern;
  }
  ~Staging() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    if (is_new_) std::filesystem::remove(package_, ignored);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path package_;
  bool is_new_;
  std::filesystem::path path_;
};

}  // namespace

std::span<const std::string_view> package_names() {
  static constexpr std::string_view kNames[] = {"c", "cmake", "arduino", "esp-idf", "tflite"};
  return kNames;
}

std::optional<PackageKind> package_named(std::string_view name) {
  const auto found = std::ranges::find(package_names(), name);
  if (found == package_names().end()) return std::nullopt;
  return static_cast<PackageKind>(found - package_names().begin());
}

std::vector<GeneratedFile> package_files(const GeneratedC& program, const PackageOptions& options) {
  const SelfTest& test = options.self_test;
  const bool tested = !test.inputs.empty();
  std::vector<GeneratedFile> files = {{"README.md", readme(program, options)}};
  if (options.kind == PackageKind::kTflite) {
    files.push_back({program.prefix + ".tflite", options.tflite.content});
    files.push_back({program.prefix + "_model.h", model_header(program, options.tflite)});
    files.push_back({program.prefix + "_op_resolver.h", resolver_header(program, options.tflite)});
    files.push_back({"example/main.cpp", tflite_example(program, test)});
    if (tested) files.push_back(self_test_samples(program, test));
    return files;
  }
  const std::string sources = options.kind == PackageKind::kArduino ? "src/" : "";
  std::vector<GeneratedFile> code = program.files;
  if (tested) {
    for (GeneratedFile& file : self_test_files(program, test)) code.push_back(std::move(file));
  }
  for (GeneratedFile& file : code) files.push_back({sources + file.name, std::move(file.content)});
  switch (options.kind) {
    case PackageKind::kCMake:
      files.push_back({"benchmark/main.c", benchmark(program, test)});
      [[fallthrough]];
    case PackageKind::kC:
      files.push_back({"CMakeLists.txt", build_file(program, options)});
      files.push_back({"example/main.c", example(program, test)});
      if (tested) files.push_back({"self_test/main.c", check_program(program)});
      break;
    case PackageKind::kArduino:
      files.push_back({"library.properties", library_properties(program)});
      files.push_back({"examples/run_sample/run_sample.ino", sketch(program, test)});
      break;
    case PackageKind::kEspIdf:
      files.push_back({"CMakeLists.txt", component_file(program, test)});
      files.push_back(
          {"example/CMakeLists.txt",
           fmt::format("# Written by Thimble.\ncmake_minimum_required(VERSION 3.16)\n"
                       "set(EXTRA_COMPONENT_DIRS \"${{CMAKE_CURRENT_LIST_DIR}}/..\")\n"
                       "include($ENV{{IDF_PATH}}/tools/cmake/project.cmake)\nproject({}_example)\n",
                       program.prefix)});
      files.push_back({"example/main/CMakeLists.txt",
                       "# Written by Thimble.\nidf_component_register(SRCS \"main.c\")\n"});
      files.push_back({"example/main/main.c", esp_idf_example(program, test)});
      break;
    case PackageKind::kTflite:
      break;
  }
  return files;
}

void write_package(const GeneratedC& program, const std::filesystem::path& folder,
                   const PackageOptions& options) {
  const std::vector<GeneratedFile> files = package_files(program, options);
  for (const GeneratedFile& file : files) {
    const std::filesystem::path path = folder / file.name;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    if (!is_ours(file.name, read_text(path))) {
      throw Error(path.string(), "is there already, and Thimble did not write it",
                  "Choose another folder, or move that file away; nothing was changed");
    }
  }
  // What can fail, a full disk above all, has failed before anything is replaced.
  const Staging staging(folder);
  std::error_code failed;
  for (const GeneratedFile& file : files) {
    write_file_atomically(staging.path() / file.name, file.content);
    const std::filesystem::path parent = (folder / file.name).parent_path();
    std::filesystem::create_directories(parent, failed);
    if (failed) fail_to_write(parent, failed);
  }
  for (const GeneratedFile& file : files) {
    std::filesystem::rename(staging.path() / file.name, folder / file.name, failed);
    if (failed) fail_to_write(folder / file.name, failed);
  }
}

}  // namespace thimble::deploy
