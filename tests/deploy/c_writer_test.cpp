#include "deploy/c_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>

#include "base/files.h"
#include "base/process.h"
#include "deploy/operator_cases.h"
#include "deploy/package.h"
#include "deploy/prepare.h"
#include "graph/builder.h"
#include "support/expect_error.h"
#include "support/small_zoo.h"
#include "zoo/zoo.h"

namespace thimble::deploy {
namespace {

const std::vector<std::string> kStrict = {"-O2",        "-Wall",    "-Wextra",     "-Wconversion",
                                          "-Wpedantic", "-Wshadow", "-Wcast-qual", "-Wcast-align",
                                          "-Wundef",    "-Werror"};

/// What the compiler says of a program; empty when it is content.
std::string compile(const GeneratedC& program, std::vector<std::string> command) {
  const TemporaryFolder folder;
  for (const GeneratedFile& file : program.files)
    write_file_atomically(folder.path() / file.name, file.content);
  command.insert(command.end(), kStrict.begin(), kStrict.end());
  command.insert(command.end(), {"-c", program.prefix + ".c", "-o", "model.o"});
  return run_process(command, "apt-get install gcc", {.working_folder = folder.path()}).standard_error;
}

/// A small network of its own names: input (1, 4, 4, 2), a dense layer, softmax.
Graph small_network(const std::string& name) {
  GraphBuilder builder(name, 1);
  const TensorId x = builder.flatten(builder.input(name, {1, 4, 4, 2}));
  return builder.finish({builder.softmax(builder.fully_connected(x, 3))});
}

TEST(CWriter, constants_of_uint8_are_written_as_such) {
  GraphBuilder builder("bytes", 1);
  Graph graph = builder.finish({builder.input("x", {1, 4})});
  const auto integers = [&](const char* name, DataType type, int32_t zero_point) {
    Tensor tensor{.name = name, .type = type, .shape = {1, 4}};
    tensor.quantization = Quantization{{0.1F}, {zero_point}, -1, 8};
    return tensor;
  };
  Tensor bytes = integers("bytes", DataType::kUint8, 128);
  const std::vector<uint8_t> values = {1, 2, 200, 255};
  bytes.data = Tensor::to_bytes(std::span<const uint8_t>(values));
  const TensorId constant = graph.add(std::move(bytes));
  const TensorId moved = graph.add(integers("moved", DataType::kInt8, 0));
  const TensorId sum = graph.add(integers("sum", DataType::kInt8, 0));
  graph.tensor(graph.inputs[0]) = integers("x", DataType::kInt8, 0);
  graph.nodes.push_back({"moving", Quantize{}, {constant}, {moved}});
  graph.nodes.push_back({"adding", Add{}, {graph.inputs[0], moved}, {sum}});
  graph.outputs = {sum};
  validate(graph);
  EXPECT_EQ(compile(write_c(graph), {"cc", "-std=c99"}), "");
}

TEST(CWriter, compiles_without_a_warning_as_c99_and_c11) {
  for (const char* model : test::kSmallZoo) {
    const GeneratedC program =
        write_c(prepare(zoo::build(model, 1)), {.budget = Budget{"nano33ble", 1 << 20, 1 << 20}});
    EXPECT_EQ(compile(program, {"cc", "-std=c11"}), "") << model;
    EXPECT_EQ(compile(program, {"cc", "-std=c99", "-DTHIMBLE_TRACE"}), "") << model;
  }
}

/// Every operator with small shapes, int8, int16, 4 bits and float32.
Graph all_operators() {
  Graph graph;
  graph.name = "operators";
  for (const DataType type : {DataType::kInt8, DataType::kInt16, DataType::kFloat32}) {
    for (size_t op = 0; op < test::kOperators; ++op) {
      for (size_t i = 0; i < 2; ++i) test::append_case(graph, op, type, 12, Random(op * 1000 + i));
    }
  }
  return graph;
}

/// The compilers of the cores that have kernels of their own, and this machine's.
const std::map<std::string, std::vector<std::string>> kCompilers = {
    {"", {"cc"}},
    {"cortex-m4f",
     {"arm-none-eabi-gcc", "-mthumb", "-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"}},
    {"cortex-a72", {"aarch64-linux-gnu-gcc", "-mcpu=cortex-a72"}}};

TEST(CWriter, every_operator_compiles_without_a_warning_for_every_core_with_kernels) {
  if (std::getenv("THIMBLE_FULL_TESTS") == nullptr)
    GTEST_SKIP() << "half a minute: scripts/test.sh --full runs it";
  for (const auto& [core, compiler] : kCompilers) {
    if (!find_program(compiler[0])) GTEST_SKIP() << "SKIPPED, NOT TESTED: " << compiler[0];
    std::vector<std::string> command = compiler;
    command.emplace_back("-std=c99");
    EXPECT_EQ(compile(write_c(all_operators(), {.prefix = "", .core = core}), command), "") << core;
  }
}

TEST(CWriter, cppcheck_finds_nothing) {
  if (std::getenv("THIMBLE_FULL_TESTS") == nullptr)
    GTEST_SKIP() << "a minute: scripts/test.sh --full runs it";
  if (!find_program("cppcheck")) GTEST_SKIP() << "SKIPPED, NOT TESTED: apt-get install cppcheck";
  for (const auto& [core, compiler] : kCompilers) {
    const TemporaryFolder folder;
    const GeneratedC program = write_c(all_operators(), {.prefix = "", .core = core});
    for (const GeneratedFile& file : program.files)
      write_file_atomically(folder.path() / file.name, file.content);
    const ProcessResult result =
        run_process({"cppcheck", "-q", "--std=c99", "--enable=warning,performance,portability",
                     "--error-exitcode=1", "-I.", program.prefix + ".c"},
                    "apt-get install cppcheck", {.working_folder = folder.path(), .timeout_s = 300});
    EXPECT_EQ(result.standard_error, "") << core;
    EXPECT_EQ(result.exit_code, 0) << core;
  }
}

TEST(CWriter, writes_the_same_bytes_again) {
  const Graph graph = prepare(zoo::build("mnist-cnn", 1));
  const GeneratedC first = write_c(graph);
  const GeneratedC second = write_c(graph);
  ASSERT_EQ(first.files.size(), second.files.size());
  for (size_t i = 0; i < first.files.size(); ++i) {
    EXPECT_EQ(first.files[i].name, second.files[i].name);
    EXPECT_EQ(first.files[i].content, second.files[i].content);
  }
}

TEST(CWriter, names_from_a_file_cannot_break_the_c) {
  for (const std::string name :
       {"*/ int x; /*", "a\nb", "\"; }", "\?\?/", "int", "thimble_conv2d", "\xff\xfe", "",
        "-- / * very long name that goes on and on and on and on and on and on and on and on"}) {
    Graph graph = small_network(name.empty() ? "x" : name);
    graph.name = name;
    for (Node& node : graph.nodes) node.name += name;
    for (Tensor& tensor : graph.tensors) tensor.name = name;
    const Budget budget{name, 1 << 20, 1 << 20};
    const GeneratedC program = write_c(graph, {.budget = budget, .class_names = {name, name, name}});
    EXPECT_EQ(compile(program, {"cc", "-std=c99"}), "") << name;
  }
}

TEST(CWriter, a_network_that_computes_nothing_compiles) {
  GraphBuilder builder("nothing", 1);
  const Graph graph = builder.finish({builder.flatten(builder.input("x", {1, 2, 2, 1}))});
  EXPECT_EQ(compile(write_c(graph), {"cc", "-std=c99"}), "");
}

TEST(CWriter, class_names_can_be_used_as_an_array) {
  GeneratedC program = write_c(small_network("pets"), {.class_names = {"cat", "a \"dog\"", "\?\?/"}});
  for (GeneratedFile& file : program.files) {
    if (file.name == "pets.c") {
      file.content +=
          "const char *const *pets_names(void);\nconst char *const *pets_names(void) {\n"
          "  static const char *const names[PETS_CLASSES] = PETS_CLASS_NAMES;\n  return names;\n}\n";
    }
  }
  EXPECT_EQ(compile(program, {"cc", "-std=c99"}), "");
}

TEST(CWriter, only_the_headers_that_are_used_come_along) {
  const GeneratedC program = write_c(small_network("small"));
  for (const GeneratedFile& file : program.files)
    EXPECT_EQ(file.name.find("conv2d"), std::string::npos) << file.name;
  EXPECT_NO_FATAL_FAILURE(program.file("generic/fully_connected_f32.h"));
}

TEST(CWriter, a_budget_that_is_not_met_does_not_compile) {
  const GeneratedC program = write_c(small_network("small"), {.budget = Budget{"tiny", 16, 1 << 20}});
  EXPECT_NE(compile(program, {"cc", "-std=c99"}), "");
  EXPECT_NE(compile(program, {"cc", "-std=c11"}).find("the arena does not fit the RAM"), std::string::npos);
}

TEST(CWriter, sums_up_what_the_program_costs) {
  const Graph graph = small_network("small");
  const GeneratedC program = write_c(graph);
  EXPECT_EQ(program.weights_bytes, (32 * 3 + 3) * 4U);
  EXPECT_EQ(program.macs, 96U);
  ASSERT_EQ(program.layers.size(), 3U);
  EXPECT_EQ(program.layers[0].function, "") << "a Reshape in place costs nothing";
  EXPECT_EQ(program.layers[1].function, "small_layer_1_fully_connected");
  EXPECT_EQ(program.layers[1].kernel, "thimble_fully_connected_generic_f32");
  EXPECT_EQ(program.input_bytes, std::vector<size_t>{128});
  EXPECT_EQ(program.output_bytes, std::vector<size_t>{12});
}

TEST(CWriter, a_constant_output_is_an_error_that_names_it) {
  Graph graph = small_network("small");
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    if (graph.tensors[t].is_constant()) graph.outputs = {static_cast<TensorId>(t)};
  }
  test::expect_error([&] { write_c(graph); }, {"constant", graph.tensor(graph.outputs[0]).name});
}

TEST(CWriter, weights_that_have_diverged_are_an_error) {
  Graph graph = small_network("small");
  for (Tensor& tensor : graph.tensors) {
    if (tensor.is_constant()) tensor.values<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  }
  test::expect_error([&] { write_c(graph); }, "NaN");
}

TEST(Budget, a_model_too_big_says_what_to_do) {
  const Graph graph = prepare(zoo::build("resnet8", 1));
  const GeneratedC program = write_c(graph);
  const auto check = [&](uint64_t ram, uint64_t flash) {
    check_fits(graph, program, {"nano33ble", ram, flash});
  };
  EXPECT_NO_THROW(check(program.arena_bytes, program.weights_bytes));
  const std::string needs = std::to_string(program.arena_bytes);
  test::expect_error([&] { check(program.arena_bytes - 1, 1 << 20); },
                     {"nano33ble", needs, "Quantize it to int8", "the limit is", "should fit"});
  test::expect_error([&] { check(1000, 1 << 20); }, {"Quantize it to int8", "% of the channels"});
  test::expect_error([&] { check(1 << 20, 1000); }, {"flash", "Quantize to int8 and prune"});
  try {
    check(1, 1);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kBudget);
  }
}

TEST(Package, builds_and_runs_with_cmake) {
  const TemporaryFolder folder;
  write_package(write_c(small_network("small")), folder.path());
  const ProcessOptions there{.working_folder = folder.path()};
  const ProcessResult configured =
      run_process({"cmake", "-S", ".", "-B", "build"}, "apt-get install cmake", there);
  ASSERT_EQ(configured.exit_code, 0) << configured.standard_error;
  const ProcessResult built = run_process({"cmake", "--build", "build"}, "apt-get install cmake", there);
  ASSERT_EQ(built.exit_code, 0) << built.standard_error;
  const ProcessResult run = run_process({(folder.path() / "build/small_example").string()}, "", there);
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(std::count(run.standard_output.begin(), run.standard_output.end(), '\n'), 3);
}

TEST(Package, leaves_the_files_of_others_alone) {
  const TemporaryFolder folder;
  const GeneratedC program = write_c(small_network("small"));
  write_file_atomically(folder.path() / "notes.txt", "mine");
  write_package(program, folder.path());
  write_package(program, folder.path());
  EXPECT_EQ(read_text(folder.path() / "notes.txt"), "mine");

  write_file_atomically(folder.path() / "README.md", "mine as well");
  test::expect_error([&] { write_package(program, folder.path()); }, "README.md");
  EXPECT_EQ(read_text(folder.path() / "README.md"), "mine as well");
}

}  // namespace
}  // namespace thimble::deploy
