#include "deploy/package.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "deploy/c_text.h"

namespace thimble::deploy {
namespace {

/// Whether Thimble wrote a file: its first lines say so, or it is a kernel header.
bool is_ours(std::string_view content) {
  const std::string_view head = content.substr(0, 2000);
  for (const std::string_view mark :
       {"Written by Thimble", "written by Thimble", "#ifndef THIMBLE_GENERIC_"}) {
    if (head.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

std::string build_file(const GeneratedC& program) {
  return fmt::format(
      R"(# Written by Thimble. In your own project: add_subdirectory(this folder), then link {0}.
cmake_minimum_required(VERSION 3.10)
project({0} C)

add_library({0} STATIC {0}.c)
target_include_directories({0} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
set_target_properties({0} PROPERTIES C_STANDARD 99)
find_library({0}_MATH m)
if({0}_MATH)
  target_link_libraries({0} PUBLIC ${{{0}_MATH}})
endif()

if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)
  add_executable({0}_example example/main.c)
  target_link_libraries({0}_example {0})
endif()
)",
      program.prefix);
}

std::string example(const GeneratedC& program) {
  const std::string& p = program.prefix;
  const size_t inputs = program.input_bytes.size();
  const size_t outputs = program.output_bytes.size();
  std::string text = fmt::format(
      "/* Example written by Thimble: runs the network once on zeros. Edit a copy: this file is written "
      "anew. */\n"
      "#include \"{}.h\"\n\n#include <stdio.h>\n#include <string.h>\n\nint main(void) {{\n",
      p);
  for (size_t i = 0; i < inputs; ++i) {
    const std::string name = accessor_name(p, "input", i, inputs);
    text += fmt::format("  memset({}({}_arena), 0, {}_BYTES); /* your data goes here */\n", name, p,
                        upper_case(name));
  }
  text += fmt::format("  {0}_run({0}_arena);\n", p);
  for (size_t i = 0; i < outputs; ++i) {
    const std::string name = accessor_name(p, "output", i, outputs);
    text += fmt::format(
        "  for (int i = 0; i < {0}_ELEMENTS; ++i) printf(\"%g\\n\", (double){1}({2}_arena)[i]);\n",
        upper_case(name), name, p);
  }
  return text + "  return 0;\n}\n";
}

std::string readme(const GeneratedC& program) {
  const std::string& p = program.prefix;
  std::string text = fmt::format(R"(# {0}

A neural network as plain C99, written by Thimble. `{0}.h` says how to call it; `example/main.c` does.

    cmake -S . -B build && cmake --build build && build/{0}_example

Without CMake: compile `{0}.c` with this folder as it is, and link the C library's mathematics (`-lm`) if it asks for it.

| | |
|---|---|
| RAM, arena | {1} bytes (no plan can have less than {2}) |
| flash, constants | {3} bytes |
| multiply-accumulates a run | {4} |

Code and stack come on top. No heap, no recursion, no variables beside the arena.

| layer | operator | kernel | multiply-accumulates | constants, bytes | live, bytes |
|---|---|---|---|---|---|
)",
                                 p, program.arena_bytes, program.plan.lower_bound_bytes,
                                 program.weights_bytes, program.macs);
  for (size_t i = 0; i < program.layers.size(); ++i) {
    const GeneratedLayer& layer = program.layers[i];
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", i, layer.op,
                        layer.kernel.empty() ? "-" : layer.kernel, layer.macs, layer.weights_bytes,
                        layer.arena_bytes);
  }
  return text;
}

}  // namespace

std::vector<GeneratedFile> package_files(const GeneratedC& program) {
  std::vector<GeneratedFile> files = program.files;
  files.push_back({"CMakeLists.txt", build_file(program)});
  files.push_back({"README.md", readme(program)});
  files.push_back({"example/main.c", example(program)});
  return files;
}

void write_package(const GeneratedC& program, const std::filesystem::path& folder) {
  const std::vector<GeneratedFile> files = package_files(program);
  for (const GeneratedFile& file : files) {
    const std::filesystem::path path = folder / file.name;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    if (!is_ours(read_text(path))) {
      throw Error(path.string(), "is there already, and Thimble did not write it",
                  "Choose another folder, or move that file away; nothing was changed");
    }
  }
  for (const GeneratedFile& file : files) write_file_atomically(folder / file.name, file.content);
}

}  // namespace thimble::deploy
