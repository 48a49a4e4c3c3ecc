#include "deploy/emulator/harness_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <cstring>
#include <fstream>
#include <numeric>

#include "base/embedded.h"
#include "base/error.h"
#include "base/process.h"

namespace thimble::deploy {

const std::vector<EmbeddedFile>& emulator_runtime_files();

namespace {

constexpr std::string_view kHarnessBroken = "This is a bug of Thimble: please report it with the model";

std::string upper_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

/// The C of `type *name(arena, index, bytes)`, which finds the index-th input or output.
std::string accessor(std::string_view declaration, std::string_view prefix, std::string_view kind,
                     const std::vector<size_t>& sizes) {
  std::string text =
      fmt::format("static inline {}, int index, size_t *bytes) {{\n  switch (index) {{\n", declaration);
  for (size_t i = 0; i < sizes.size(); ++i) {
    text += fmt::format("    case {}: *bytes = {}; return {}(arena);\n", i, sizes[i],
                        accessor_name(prefix, kind, i, sizes.size()));
  }
  return text + "    default: *bytes = 0; return 0;\n  }\n}\n";
}

/// No network's name begins with "thimble" (c_prefix): its files and functions can have none of these names.
std::string harness_header(const GeneratedC& program) {
  const std::string& prefix = program.prefix;
  const std::string upper = upper_case(prefix);
  return fmt::format(
             "#pragma once\n#include <stddef.h>\n#define {0}_NO_ARENA\n#include \"{1}.h\"\n"
             "#define THIMBLE_HARNESS_ARENA_BYTES {0}_ARENA_BYTES\n#define THIMBLE_HARNESS_RUN {1}_run\n"
             "#define THIMBLE_HARNESS_INPUTS {2}\n#define THIMBLE_HARNESS_OUTPUTS {3}\n",
             upper, prefix, program.input_bytes.size(), program.output_bytes.size()) +
         accessor("void *thimble_harness_input(void *arena", prefix, "input", program.input_bytes) +
         accessor("const void *thimble_harness_output(const void *arena", prefix, "output",
                  program.output_bytes);
}

/// The line of a compiler's or linker's output that says what is wrong.
std::string first_error(const std::string& output) {
  size_t start = 0;
  std::string first_line;
  while (start < output.size()) {
    const size_t end = std::min(output.find('\n', start), output.size());
    const std::string line = output.substr(start, end - start);
    start = end + 1;
    for (const char* sign :
         {"error:", "undefined reference", "overflowed by", "cannot find", "cannot open"}) {
      if (line.find(sign) != std::string::npos) return line;
    }
    if (first_line.empty()) first_line = line;
  }
  return first_line.empty() ? "it says nothing" : first_line;
}

/// Writes a file that need not survive a crash of the machine, as write_file_atomically would make sure.
void write_temporary(const std::filesystem::path& path, std::span<const char> content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file)
    throw Error(path.string(), "cannot be written", "Free some space there, or set TMPDIR to another folder");
}

void check_size(const std::string& name, size_t bytes, size_t expected) {
  if (bytes == expected) return;
  throw Error(name, fmt::format("has {} bytes where the samples must give {}", bytes, expected),
              kHarnessBroken);
}

}  // namespace

HarnessFolder::HarnessFolder(const GeneratedC& program)
    : input_bytes_(std::accumulate(program.input_bytes.begin(), program.input_bytes.end(), size_t{0})),
      output_bytes_(std::accumulate(program.output_bytes.begin(), program.output_bytes.end(), size_t{0})) {
  assert(input_bytes_ > 0 && output_bytes_ > 0);
  for (const EmbeddedFile& runtime : emulator_runtime_files()) {
    write_temporary(path() / runtime.name, runtime.content);
  }
  const std::filesystem::path model = path() / "model";
  for (const GeneratedFile& source : program.files) {
    assert(std::filesystem::path(source.name).is_relative() && source.name.find("..") == std::string::npos);
    write_temporary(model / source.name, source.content);
    if (source.name.ends_with(".c")) sources_.push_back((model / source.name).string());
  }
  write_temporary(model / "thimble_harness.h", harness_header(program));
}

void HarnessFolder::compile(const std::vector<std::string>& command, const Target& target) const {
  compile(command, target.packages, target.memory);
}

void HarnessFolder::compile_for_host(const std::vector<std::string>& command) const {
  compile(command, "gcc libc6-dev", "what this machine has");
}

void HarnessFolder::compile(const std::vector<std::string>& command, std::string_view packages,
                            std::string_view memory) const {
  const ProcessResult result = run_process(command, fmt::format("Run: apt-get install {}", packages),
                                           {.working_folder = path(), .timeout_s = 300});
  if (result.timed_out) throw Error(command[0], "did not finish within 300 s", "Try a smaller model");
  if (result.exit_code == 0) return;
  const std::string reason = first_error(result.standard_error);
  if (reason.find("overflowed by") != std::string::npos) {
    throw Error(command[0], fmt::format("the program does not fit the emulated board ({})", reason),
                fmt::format("The board has {}: make the model smaller", memory));
  }
  if (reason.find("No such file or directory") != std::string::npos ||
      reason.find("cannot find -l") != std::string::npos ||
      reason.find("cannot read spec file") != std::string::npos) {
    throw Error(command[0], reason,
                fmt::format("If it is a C library that is missing: apt-get install {}", packages));
  }
  throw Error(command[0], fmt::format("does not compile the generated C: {}", reason), kHarnessBroken);
}

void HarnessFolder::write_samples(std::span<const std::vector<std::byte>> samples) const {
  std::string all;
  all.reserve(samples.size() * input_bytes_);
  for (const std::vector<std::byte>& sample : samples) {
    if (sample.size() != input_bytes_) {
      throw Error("a sample",
                  fmt::format("has {} bytes; the model's inputs take {}", sample.size(), input_bytes_),
                  "Give all inputs of the model, one after another, in the model's own type");
    }
    all.append(reinterpret_cast<const char*>(sample.data()), sample.size());
  }
  write_temporary(path() / "input.bin", all);
}

std::vector<std::vector<std::byte>> HarnessFolder::read_outputs(size_t count) const {
  const std::vector<std::byte> all = read_file(path() / "output.bin");
  check_size("the file of outputs", all.size(), count * output_bytes_);
  std::vector<std::vector<std::byte>> outputs;
  for (size_t i = 0; i < count; ++i) {
    const auto begin = all.begin() + static_cast<ptrdiff_t>(i * output_bytes_);
    outputs.emplace_back(begin, begin + static_cast<ptrdiff_t>(output_bytes_));
  }
  return outputs;
}

std::vector<std::vector<LayerOutput>> HarnessFolder::read_layers(size_t count) const {
  const std::vector<std::byte> all = read_file(path() / "layers.bin");
  std::vector<LayerOutput> records;
  size_t at = 0;
  while (at < all.size()) {
    uint32_t header[2];
    if (all.size() - at < sizeof header) throw Error("the file of layers", "is cut short", kHarnessBroken);
    std::memcpy(header, all.data() + at, sizeof header);
    at += sizeof header;
    if (all.size() - at < header[1]) throw Error("the file of layers", "is cut short", kHarnessBroken);
    const auto begin = all.begin() + static_cast<ptrdiff_t>(at);
    records.push_back({static_cast<int>(header[0]), {begin, begin + static_cast<ptrdiff_t>(header[1])}});
    at += header[1];
  }
  if (count == 0) return {};
  if (records.size() % count != 0) throw Error("the file of layers", "is not whole", kHarnessBroken);
  const size_t nodes = records.size() / count;
  std::vector<std::vector<LayerOutput>> layers(count);
  for (size_t i = 0; i < records.size(); ++i) layers[i / nodes].push_back(std::move(records[i]));
  for (std::vector<LayerOutput>& sample : layers) std::ranges::sort(sample, {}, &LayerOutput::node);
  return layers;
}

std::vector<uint32_t> HarnessFolder::read_stack(size_t count) const {
  const std::vector<std::byte> all = read_file(path() / "stack.bin");
  check_size("the file of stack sizes", all.size(), count * sizeof(uint32_t));
  std::vector<uint32_t> stack(count);
  std::memcpy(stack.data(), all.data(), all.size());
  return stack;
}

}  // namespace thimble::deploy
