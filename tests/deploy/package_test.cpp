#include "deploy/package.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "deploy/c_writer.h"
#include "deploy/emulator/harness_folder.h"
#include "deploy/emulator/target.h"
#include "deploy/operator_cases.h"
#include "deploy/prepare.h"
#include "deploy/run_model.h"
#include "deploy/target_names.h"
#include "formats/tflite/tflite.h"
#include "support/expect_error.h"

// Every package, compiled by what its users compile it with, and its self-test run, here or on an emulator.

namespace thimble::deploy {
namespace {

/// The console of a board without an operating system, as far as packages print on it.
constexpr const char* kConsole = R"(#include <stdarg.h>
#include "bare.h"
static void print_number(long number) {
  char text[12];
  int at = sizeof text - 1;
  unsigned long rest = number < 0 ? 0ul - (unsigned long)number : (unsigned long)number;
  text[at] = 0;
  do text[--at] = (char)('0' + rest % 10); while (rest /= 10);
  if (number < 0) text[--at] = '-';
  bare_print(text + at);
}
int printf(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  for (; *format; ++format) {
    const char letter[2] = {*format, 0};
    if (*format != '%') {
      bare_print(letter);
      continue;
    }
    ++format;
    if (*format == 's') {
      bare_print(va_arg(arguments, const char *));
    } else if (*format == 'd') {
      print_number(va_arg(arguments, int));
    } else {
      ++format; /* "%ld", "%lu" */
      print_number(va_arg(arguments, long));
    }
  }
  va_end(arguments);
  return 0;
}
)";

constexpr const char* kArduinoCore = R"(#pragma once
#include <stdint.h>
#ifdef __cplusplus
extern "C" int printf(const char*, ...);
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

constexpr const char* kEspTimer = "#include <stdint.h>\nint64_t esp_timer_get_time(void);\n";

constexpr const char* kEspMain = R"(#include "esp_timer.h"
int64_t esp_timer_get_time(void) { return 0; }
void app_main(void);
int main(void) {
  app_main();
  return 0;
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
struct TfLiteTensor { struct { void* raw; float* f; } data; };
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
    Graph graph = test::random_deployable(integer ? DataType::kInt8 : DataType::kFloat32, Random(seed));
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

Target target_of(std::string_view core) { return *std::ranges::find(targets(), core, &Target::core); }

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

/// A computer that a package is compiled for file by file, as its users' tools do, and emulated.
class Board {
 public:
  Board(const Target& target, const GeneratedC& program) : target_(target), runtime_(program) {
    if (has_console()) {
      write_file_atomically(runtime_.path() / "console.c", std::string_view(kConsole));
      compile("gcc", {"-I", "."}, "console.c");
    }
  }

  void compile(const std::string& compiler, const std::vector<std::string>& flags, const std::string& file) {
    objects_.push_back(runtime_.file(std::to_string(objects_.size()) + ".o"));
    std::vector<std::string> command = {target_.tools + compiler};
    for (const auto* more : {&target_.machine_flags, &target_.optimize_flags, &flags}) {
      command.insert(command.end(), more->begin(), more->end());
    }
    command.insert(command.end(), {"-Wall", "-Wextra", "-Werror", "-c", file, "-o", objects_.back()});
    runtime_.compile(command, target_);
  }

  /// Links what was compiled and runs it; what it prints.
  std::string run() {
    std::vector<std::string> command = {target_.tools + "gcc"};
    command.insert(command.end(), target_.machine_flags.begin(), target_.machine_flags.end());
    command.insert(command.end(), target_.link_flags.begin(), target_.link_flags.end());
    command.insert(command.end(), {"-O2", "-Wl,--gc-sections", "-I", "."});
    if (has_console()) command.insert(command.end(), target_.runtime.begin(), target_.runtime.end());
    command.insert(command.end(), target_.library.begin(), target_.library.end());
    command.insert(command.end(), objects_.begin(), objects_.end());
    command.insert(command.end(), {"-lm", "-o", runtime_.file("package.elf")});
    runtime_.compile(command, target_);
    command = target_.emulator;
    command.push_back(runtime_.file("package.elf"));
    const ProcessResult result =
        run_process(command, "", {.working_folder = runtime_.path(), .timeout_s = 120});
    EXPECT_EQ(result.exit_code, 0) << result.standard_output << result.standard_error;
    return result.standard_output + result.standard_error;
  }

 private:
  /// Linux brings its own.
  bool has_console() const {
    return std::ranges::find(target_.runtime, "port_bare.c") != target_.runtime.end();
  }

  const Target& target_;
  HarnessFolder runtime_;
  std::vector<std::string> objects_;
};

/// The file of a package, as a board's compiler is called with it.
std::string path_in(const TemporaryFolder& package, const std::string& file) {
  return (package.path() / file).string();
}

std::string run_plain_c(const Target& target, const Graph& graph, const SelfTest& test) {
  const TemporaryFolder package;
  const GeneratedC program = write_c(graph, {.prefix = "", .core = target.core});
  write_package(program, package.path(), {.kind = PackageKind::kC, .self_test = test});
  Board board(target, program);
  const std::vector<std::string> flags = {"-std=c99", "-I", package.path().string()};
  for (const std::string& file : c_files(package.path())) board.compile("gcc", flags, file);
  board.compile("gcc", flags, path_in(package, "self_test/main.c"));
  return board.run();
}

std::string run_arduino(const Target& target, const Graph& graph, const SelfTest& test) {
  const TemporaryFolder package;
  const GeneratedC program = write_c(graph, {.prefix = "", .core = target.core});
  write_package(program, package.path(), {.kind = PackageKind::kArduino, .self_test = test});
  write_file_atomically(package.path() / "core/Arduino.h", std::string_view(kArduinoCore));
  write_file_atomically(package.path() / "core/main.cpp", std::string_view(kArduinoMain));
  Board board(target, program);
  const std::vector<std::string> flags = {"-I", path_in(package, "src")};
  for (const std::string& file : c_files(package.path() / "src")) board.compile("gcc", flags, file);
  const std::vector<std::string> sketch = {"-I",
                                           path_in(package, "src"),
                                           "-I",
                                           path_in(package, "core"),
                                           "-include",
                                           "Arduino.h",
                                           "-x",
                                           "c++",
                                           "-fno-exceptions",
                                           "-fno-builtin-printf"};
  board.compile("g++", sketch, path_in(package, "examples/run_sample/run_sample.ino"));
  board.compile("g++", sketch, path_in(package, "core/main.cpp"));
  return board.run();
}

std::string run_esp_idf(const Target& target, const Graph& graph, const SelfTest& test) {
  const TemporaryFolder package;
  const GeneratedC program = write_c(graph, {.prefix = "", .core = target.core});
  write_package(program, package.path(), {.kind = PackageKind::kEspIdf, .self_test = test});
  write_file_atomically(package.path() / "stub/esp_timer.h", std::string_view(kEspTimer));
  write_file_atomically(package.path() / "stub/main.c", std::string_view(kEspMain));
  Board board(target, program);
  const std::vector<std::string> flags = {"-std=c99", "-I", package.path().string(), "-I",
                                          path_in(package, "stub")};
  for (const std::string& file : c_files(package.path())) board.compile("gcc", flags, file);
  board.compile("gcc", flags, path_in(package, "example/main/main.c"));
  board.compile("gcc", flags, path_in(package, "stub/main.c"));
  return board.run();
}

class PackageOnBoard : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override { skip_without(GetParam()); }

  static void skip_without(const Target& target) {
    for (const std::string& tool : {target.tools + "gcc", target.emulator[0]}) {
      if (!find_program(tool)) GTEST_SKIP() << "apt-get install " << target.packages;
    }
  }
};

TEST_P(PackageOnBoard, passes_its_self_test) {
  const Graph graph = network(true);
  EXPECT_EQ(run_plain_c(GetParam(), graph, self_test(graph)), "0 of 10 samples differ\n");
}

TEST_P(PackageOnBoard, of_the_keyword_network_gives_the_bytes_of_tensorflow_lite_micro) {
  if (std::getenv("THIMBLE_FULL_TESTS") == nullptr)
    GTEST_SKIP() << "takes seconds: scripts/test.sh --full runs it";
  const char* const given = std::getenv("THIMBLE_REFERENCE");
  const std::filesystem::path reference =
      std::filesystem::path(given != nullptr ? given : THIMBLE_SOURCE_DIR "/../shared/reference") /
      "mlperf-tiny";
  if (!std::filesystem::exists(reference)) GTEST_SKIP() << "SKIPPED, NOT TESTED: no " << reference;
  const Graph graph = prepare(tflite::read_tflite(reference / "kws_ref_model.tflite"));
  SelfTest test =
      self_test_of(graph, split_samples(graph, read_file(reference / "kws_ref_model.in"), "samples"),
                   "3 samples of the reference");
  const std::vector<std::byte> expected = read_file(reference / "kws_ref_model.out");
  const size_t bytes = expected.size() / test.outputs.size();
  for (size_t i = 0; i < test.outputs.size(); ++i) {
    test.outputs[i].assign(expected.begin() + static_cast<ptrdiff_t>(i * bytes),
                           expected.begin() + static_cast<ptrdiff_t>((i + 1) * bytes));
  }
  EXPECT_EQ(run_plain_c(GetParam(), graph, test), "0 of 3 samples differ\n");
}

std::string name_of(const testing::TestParamInfo<Target>& target) { return test::identifier(target.param); }

INSTANTIATE_TEST_SUITE_P(, PackageOnBoard, testing::ValuesIn(targets().begin(), targets().end()), name_of);

using PackageForArduino = PackageOnBoard;
TEST_P(PackageForArduino, runs_its_self_test_and_its_sketch) {
  const Graph graph = network(true);
  const std::string said = run_arduino(GetParam(), graph, self_test(graph));
  EXPECT_NE(said.find("0 of 10 samples differ from the reference\n"), std::string::npos) << said;
  EXPECT_NE(said.find("sample 2: class "), std::string::npos) << said;
}
INSTANTIATE_TEST_SUITE_P(, PackageForArduino, testing::Values(target_of("cortex-m4f")), name_of);

using PackageForEspIdf = PackageOnBoard;
TEST_P(PackageForEspIdf, runs_its_self_test_and_its_example) {
  const Graph graph = network(true);
  const std::string said = run_esp_idf(GetParam(), graph, self_test(graph));
  EXPECT_EQ(said.substr(0, said.find("sample 0")), "0 of 10 samples differ from the reference\n");
  EXPECT_NE(said.find("sample 9: class "), std::string::npos) << said;
}
INSTANTIATE_TEST_SUITE_P(, PackageForEspIdf, testing::Values(target_of("xtensa-lx6"), target_of("rv32imc")),
                         name_of);

TEST(Package, on_a_board_whose_outputs_are_not_the_expected_ones_fails_its_self_test) {
  const Target target = target_of("cortex-m4f");
  if (!find_program(target.tools + "gcc")) GTEST_SKIP() << "apt-get install " << target.packages;
  const Graph graph = network(true);
  SelfTest wrong = self_test(graph);
  wrong.outputs[3][0] ^= std::byte{1};
  wrong.outputs[9][1] ^= std::byte{1};
  const std::string said = run_arduino(target, graph, wrong);
  EXPECT_NE(said.find("2 of 10 samples differ from the reference\n"), std::string::npos) << said;
}

TEST(Package, for_arduino_has_every_property_that_its_ide_asks_for) {
  const Graph graph = network(true);
  for (const GeneratedFile& file : package_files(write_c(graph), options(graph, PackageKind::kArduino))) {
    if (file.name != "library.properties") continue;
    // Arduino, "Library specification", library.properties file format: a library that lacks one is not
    // found.
    for (const char* key : {"name", "version", "author", "maintainer", "sentence", "paragraph", "category",
                            "url", "architectures", "includes"}) {
      EXPECT_NE(("\n" + file.content).find(fmt::format("\n{}=", key)), std::string::npos) << key;
    }
    EXPECT_EQ(file.content.find("http"), std::string::npos) << "an address that is nobody's";
    return;
  }
  FAIL() << "no library.properties";
}

TEST(Package, for_esp_idf_registers_its_sources) {
  const Graph graph = network(true);
  const TemporaryFolder folder;
  write_package(write_c(graph), folder.path(), options(graph, PackageKind::kEspIdf));
  const std::string component = read_text(folder.path() / "CMakeLists.txt");
  EXPECT_NE(
      component.find("idf_component_register(SRCS \"small.c\" \"small_self_test.c\" INCLUDE_DIRS \".\")"),
      std::string::npos);
}

TEST(Package, for_tensorflow_lite_compares_floats_as_they_may_differ) {
  const Graph graph = network(false);
  const TemporaryFolder folder;
  PackageOptions package = options(graph, PackageKind::kTflite);
  package.tflite = {tflite::to_tflite(graph), {"ADD", "CONV_2D", "SOFTMAX"}};
  write_package(write_c(graph), folder.path(), package);
  EXPECT_NE(read_text(folder.path() / "example/main.cpp").find("equal && is_near("), std::string::npos);
  for (const auto& [name, content] : kTflmStubs)
    write_file_atomically(folder.path() / "stub" / name, content);
  run_in(folder.path(),
         {"g++", "-std=c++17", "-fsyntax-only", "-Wall", "-Werror", "-I.", "-Istub", "example/main.cpp"});
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

TEST(Package, for_tensorflow_lite_is_written_again_over_itself_and_over_nothing_else) {
  Graph graph = network(true);
  const TemporaryFolder folder;
  for (const bool described : {false, true}) {
    if (described) graph.metadata["description"] = "finds cats";
    PackageOptions package = options(graph, PackageKind::kTflite);
    package.tflite = {tflite::to_tflite(graph), {"ADD", "CONV_2D", "SOFTMAX"}};
    write_package(write_c(graph), folder.path(), package);
    write_package(write_c(graph), folder.path(), package);
    EXPECT_EQ(read_text(folder.path() / "small.tflite"), package.tflite.content);

    std::string foreign = package.tflite.content;
    for (size_t at = 0; (at = foreign.find("by Thimble", at)) != std::string::npos;) foreign[at] = 'B';
    write_file_atomically(folder.path() / "small.tflite", foreign);
    test::expect_error([&] { write_package(write_c(graph), folder.path(), package); }, "did not write it");
    EXPECT_EQ(read_text(folder.path() / "small.tflite"), foreign);
    write_file_atomically(folder.path() / "small.tflite", package.tflite.content);
  }
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
