#include "deploy/package.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "deploy/c_writer.h"
#include "deploy/operator_cases.h"
#include "formats/tflite/tflite.h"
#include "support/expect_error.h"

// Every package, compiled by what its users compile it with; where this machine or an emulator can run it,
// its self-test is run.

namespace thimble::deploy {
namespace {

constexpr const char* kArduinoStub = R"(#pragma once
#include <stdint.h>
#ifdef __cplusplus
#include <stdio.h>
unsigned long millis();
unsigned long micros();
void delay(unsigned long);
struct SerialStub {
  void begin(unsigned long) {}
  explicit operator bool() const { return true; }
  void print(const char* text) { printf("%s", text); }
  void print(int number) { printf("%d", number); }
  void print(unsigned long number) { printf("%lu", number); }
  void println(const char* text) { printf("%s\n", text); }
};
extern SerialStub Serial;
#endif
)";

constexpr const char* kArduinoMain = R"(#include <Arduino.h>
SerialStub Serial;
unsigned long millis() { return 5000; }
unsigned long micros() { return 0; }
void delay(unsigned long) {}
void setup();
void loop();
int main() {
  setup();
  for (int i = 0; i < 3; ++i) loop();
}
)";

constexpr const char* kTflmStubs[][2] = {{"tensorflow/lite/micro/micro_mutable_op_resolver.h", R"(#pragma once
enum TfLiteStatus { kTfLiteOk, kTfLiteError };
namespace tflite {
template <unsigned kOperators>
struct MicroMutableOpResolver {
  unsigned registered = 0;
  TfLiteStatus one() { return registered++ < kOperators ? kTfLiteOk : kTfLiteError; }
  TfLiteStatus AddAdd() { return one(); }
  TfLiteStatus AddConv2D() { return one(); }
  TfLiteStatus AddDepthwiseConv2D() { return one(); }
  TfLiteStatus AddFullyConnected() { return one(); }
  TfLiteStatus AddMean() { return one(); }
  TfLiteStatus AddSoftmax() { return one(); }
};
}
)"},
                                         {"tensorflow/lite/schema/schema_generated.h", R"(#pragma once
namespace tflite {
struct Model {};
inline const Model* GetModel(const void*) { return nullptr; }
}
)"},
                                         {"tensorflow/lite/micro/micro_interpreter.h", R"(#pragma once
struct TfLiteTensor { struct { void* raw; } data; };
namespace tflite {
struct Model;
struct MicroInterpreter {
  template <typename R>
  MicroInterpreter(const Model*, R&, unsigned char*, unsigned long);
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor* input(int);
  TfLiteTensor* output(int);
};
}
)"}};

Graph network(bool integer) {
  // The first random network of one output of more than two elements.
  for (uint64_t seed = 0;; ++seed) {
    Graph graph = test::random_deployable(integer, Random(seed));
    const bool softmax = std::ranges::any_of(
        graph.nodes, [](const Node& node) { return std::holds_alternative<Softmax>(node.op); });
    if (softmax && graph.tensor(graph.outputs[0]).elements() > 2) {
      graph.name = "small";
      return graph;
    }
  }
}

SelfTest self_test(const Graph& graph) {
  Random random(1);
  std::vector<std::vector<std::byte>> samples;
  for (int i = 0; i < 10; ++i) samples.push_back(test::random_sample(graph, random));
  return self_test_of(graph, samples, "10 random samples");
}

PackageOptions options(const Graph& graph, PackageKind kind) {
  return {.kind = kind, .self_test = self_test(graph)};
}

/// Runs a command in the package's folder; a program with a slash is one of the package.
std::string run_in(const std::filesystem::path& folder, std::vector<std::string> command) {
  if (command[0].find('/') != std::string::npos) command[0] = (folder / command[0]).string();
  const ProcessResult result = run_process(command, "", {.working_folder = folder});
  EXPECT_EQ(result.exit_code, 0) << command[0] << ": " << result.standard_error << result.standard_output;
  return result.standard_output;
}

std::vector<std::string> c_files(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".c") files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

TEST(Package, of_plain_c_builds_and_passes_its_self_test_here) {
  for (const bool integer : {true, false}) {
    const Graph graph = network(integer);
    const TemporaryFolder folder;
    write_package(write_c(graph), folder.path(), options(graph, PackageKind::kC));
    run_in(folder.path(), {"cmake", "-S", ".", "-B", "build",
                           "-DCMAKE_C_FLAGS=-Wall -Wextra -Wconversion -Wpedantic -Werror"});
    run_in(folder.path(), {"cmake", "--build", "build"});
    EXPECT_EQ(run_in(folder.path(), {"build/small_check"}), "0 of 10 samples differ\n");
    EXPECT_NE(run_in(folder.path(), {"build/small_example"}), "");
  }
}

TEST(Package, whose_outputs_are_not_the_expected_ones_fails_its_self_test) {
  const Graph graph = network(true);
  const TemporaryFolder folder;
  PackageOptions wrong = options(graph, PackageKind::kC);
  wrong.self_test.outputs[7][1] ^= std::byte{1};
  write_package(write_c(graph), folder.path(), wrong);
  run_in(folder.path(), {"cmake", "-S", ".", "-B", "build"});
  run_in(folder.path(), {"cmake", "--build", "build"});
  const ProcessResult result = run_process({(folder.path() / "build/small_check").string()}, "");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.standard_output, "1 of 10 samples differ\n");
}

TEST(Package, for_a_raspberry_pi_passes_its_self_test_on_an_emulated_one) {
  if (!find_program("aarch64-linux-gnu-gcc") || !find_program("qemu-aarch64")) {
    GTEST_SKIP() << "apt-get install gcc-aarch64-linux-gnu qemu-user";
  }
  const Graph graph = network(true);
  const TemporaryFolder folder;
  write_package(write_c(graph), folder.path(), options(graph, PackageKind::kCMake));
  run_in(folder.path(), {"cmake", "-S", ".", "-B", "build", "-DCMAKE_SYSTEM_NAME=Linux",
                         "-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc", "-DCMAKE_C_FLAGS=-mcpu=cortex-a72",
                         "-DCMAKE_EXE_LINKER_FLAGS=-static"});
  run_in(folder.path(), {"cmake", "--build", "build"});
  const auto emulated = [&](const std::vector<std::string>& program) {
    std::vector<std::string> command = {"qemu-aarch64", "-cpu", "cortex-a72"};
    command.insert(command.end(), program.begin(), program.end());
    return run_in(folder.path(), command);
  };
  EXPECT_EQ(emulated({"build/small_check"}), "0 of 10 samples differ\n");
  EXPECT_EQ(emulated({"build/small_benchmark", "20"}).substr(0, 8), "20 runs:");
}

TEST(Package, for_arduino_compiles_for_a_cortex_m4_and_its_sketch_runs) {
  const Graph graph = network(true);
  const TemporaryFolder folder;
  write_package(write_c(graph), folder.path(), options(graph, PackageKind::kArduino));
  write_file_atomically(folder.path() / "stub/Arduino.h", kArduinoStub);
  write_file_atomically(folder.path() / "stub/main.cpp", kArduinoMain);
  EXPECT_NE(read_text(folder.path() / "library.properties").find("includes=small.h"), std::string::npos);
  const std::string sketch = "examples/run_sample/run_sample.ino";
  const std::vector<std::string> as_sketch = {
      "-Isrc", "-Istub", "-Wall", "-Wextra", "-Werror", "-include", "Arduino.h", "-x", "c++", "-c", sketch};
  const auto compile = [&](const std::string& prefix, const std::vector<std::string>& flags) {
    std::vector<std::string> cpp = {prefix + "g++"};
    cpp.insert(cpp.end(), flags.begin(), flags.end());
    cpp.insert(cpp.end(), as_sketch.begin(), as_sketch.end());
    cpp.insert(cpp.end(), {"-o", "sketch.o"});
    run_in(folder.path(), cpp);
    for (const std::string& file : c_files(folder.path() / "src")) {
      std::vector<std::string> c = {prefix + "gcc"};
      c.insert(c.end(), flags.begin(), flags.end());
      c.insert(c.end(), {"-Wall", "-Wextra", "-Werror", "-c", file});
      run_in(folder.path(), c);
    }
  };
  if (find_program("arm-none-eabi-g++")) {
    compile("arm-none-eabi-", {"-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-Os"});
  }
  compile("", {"-O2"});
  run_in(folder.path(), {"g++", "-Istub", "stub/main.cpp", "sketch.o", "small.o", "small_self_test.o", "-lm",
                         "-o", "stub/sketch"});
  const std::string said = run_in(folder.path(), {"stub/sketch"});
  EXPECT_NE(said.find("0 of 10 samples differ"), std::string::npos) << said;
  EXPECT_NE(said.find("sample 2: class "), std::string::npos) << said;
}

TEST(Package, for_esp_idf_is_c_that_an_xtensa_compiler_takes) {
  if (!find_program("xtensa-lx106-elf-gcc")) GTEST_SKIP() << "apt-get install gcc-xtensa-lx106";
  const Graph graph = network(true);
  const TemporaryFolder folder;
  write_package(write_c(graph), folder.path(), options(graph, PackageKind::kEspIdf));
  write_file_atomically(folder.path() / "stub/esp_timer.h",
                        "#include <stdint.h>\nint64_t esp_timer_get_time(void);\n");
  // This compiler comes without a C library's headers.
  write_file_atomically(
      folder.path() / "stub/string.h",
      "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\nvoid *memmove(void *, "
      "const void *, size_t);\nint memcmp(const void *, const void *, size_t);\n");
  write_file_atomically(folder.path() / "stub/stdio.h", "int printf(const char *, ...);\n");
  std::vector<std::string> command = {"xtensa-lx106-elf-gcc",
                                      "-fsyntax-only",
                                      "-ffreestanding",
                                      "-std=c99",
                                      "-Wall",
                                      "-Werror",
                                      "-I.",
                                      "-Istub",
                                      "example/main/main.c"};
  for (const std::string& file : c_files(folder.path())) command.push_back(file);
  EXPECT_EQ(command.size(), 11U);
  run_in(folder.path(), command);
  const std::string component = read_text(folder.path() / "CMakeLists.txt");
  EXPECT_NE(
      component.find("idf_component_register(SRCS \"small.c\" \"small_self_test.c\" INCLUDE_DIRS \".\")"),
      std::string::npos);
}

TEST(Package, for_tensorflow_lite_holds_the_model_and_registers_its_operators) {
  const Graph graph = network(true);
  const TemporaryFolder folder;
  PackageOptions package = options(graph, PackageKind::kTflite);
  package.tflite.content = tflite::to_tflite(graph);
  package.tflite.operators = {"ADD", "CONV_2D", "SOFTMAX"};
  write_package(write_c(graph), folder.path(), package);
  EXPECT_EQ(tflite::read_tflite(folder.path() / "small.tflite").nodes.size(), graph.nodes.size());
  EXPECT_NE(read_text(folder.path() / "small_op_resolver.h").find("MicroMutableOpResolver<3>"),
            std::string::npos);
  for (const auto& [name, content] : kTflmStubs)
    write_file_atomically(folder.path() / "stub" / name, content);
  run_in(folder.path(),
         {"g++", "-std=c++17", "-fsyntax-only", "-Wall", "-Werror", "-I.", "-Istub", "example/main.cpp"});

  package.tflite.operators = {"CUMSUM"};
  test::expect_error([&] { package_files(write_c(graph), package); }, "CUMSUM");
}

TEST(Package, operators_of_a_model_are_each_named_once) {
  const Graph graph = network(true);
  const std::vector<std::string> operators = tflite::builtin_operators(tflite::to_tflite(graph));
  EXPECT_NE(std::ranges::find(operators, "SOFTMAX"), operators.end());
  EXPECT_EQ(std::ranges::adjacent_find(operators), operators.end());
}

TEST(Package, that_cannot_be_written_leaves_what_was_there) {
  const Graph graph = network(true);
  const TemporaryFolder folder;
  const GeneratedC program = write_c(graph);
  write_package(program, folder.path(), options(graph, PackageKind::kC));
  const std::string before = read_text(folder.path() / "CMakeLists.txt");
  // A file where a folder has to be.
  write_file_atomically(folder.path() / "benchmark", "in the way");
  PackageOptions other = options(graph, PackageKind::kCMake);
  other.self_test = {};
  EXPECT_THROW(write_package(program, folder.path(), other), Error);
  EXPECT_EQ(read_text(folder.path() / "CMakeLists.txt"), before);
  EXPECT_EQ(read_text(folder.path() / "benchmark"), "in the way");
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".thimble")) << entry.path();
  }
}

}  // namespace
}  // namespace thimble::deploy
