#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <charconv>
#include <cstdio>

#include "base/error.h"
#include "base/process.h"
#include "deploy/emulator/harness_folder.h"
#include "deploy/emulator/instruction_counts.h"
#include "deploy/emulator/program.h"

namespace thimble::deploy {
namespace {

constexpr std::string_view kInstall =
    "Run: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm gcc libc6-dev";
constexpr const char* kCompiler = "arm-none-eabi-gcc";
constexpr const char* kEmulator = "qemu-system-arm";
constexpr const char* kWhere = "the emulated Cortex-M4";

void require_tools(bool counting) {
  std::vector<std::string> missing;
  for (const char* tool : {kCompiler, "arm-none-eabi-objdump", "arm-none-eabi-size", kEmulator}) {
    if (!find_program(tool)) missing.emplace_back(tool);
  }
  if (counting && !find_program("cc")) missing.emplace_back("cc");
  if (!missing.empty()) {
    throw Error(fmt::format("{}", fmt::join(missing, ", ")),
                "not installed (not found on PATH), and needed to run a Cortex-M4", kInstall);
  }
}

/// C99 as the standard has it (no fused multiply-add that the source does not ask for), so that floats are
/// the same on every machine; and no merging of equal functions, so that every layer keeps a name to be
/// charged to.
std::vector<std::string> compiler_command(const HarnessFolder& folder, const ProgramOptions& options) {
  std::vector<std::string> command = {kCompiler,
                                      "-std=c99",
                                      "-mcpu=cortex-m4",
                                      "-mthumb",
                                      "-mfloat-abi=hard",
                                      "-mfpu=fpv4-sp-d16",
                                      "-ffunction-sections",
                                      "-fdata-sections",
                                      "-fno-ipa-icf",
                                      "-I",
                                      folder.file("model"),
                                      "-I",
                                      folder.path().string()};
  command.insert(command.end(), options.flags.begin(), options.flags.end());
  if (options.trace) command.emplace_back("-DTHIMBLE_TRACE");
  return command;
}

std::vector<std::string> operator+(std::vector<std::string> left, const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

/// Compiles each C file of the network by itself, as a user's build does; returns the objects.
std::vector<std::string> compile_network(const HarnessFolder& folder,
                                         const std::vector<std::string>& compiler,
                                         const std::string& prefix) {
  std::string no_arena = "-D" + prefix + "_NO_ARENA";
  std::transform(no_arena.begin() + 2, no_arena.end(), no_arena.begin() + 2,
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::vector<std::string> objects;
  for (const std::string& source : folder.sources()) {
    objects.push_back(source + ".o");
    folder.compile(compiler + std::vector<std::string>{no_arena, "-c", source, "-o", objects.back()});
  }
  return objects;
}

std::string link_option(const HarnessFolder& folder) { return folder.file("mps2_an386.ld"); }

void link_program(const HarnessFolder& folder, const std::vector<std::string>& compiler,
                  const std::vector<std::string>& objects) {
  folder.compile(compiler +
                 std::vector<std::string>{"-nostartfiles", "-Wl,--gc-sections", "-T", link_option(folder),
                                          folder.file("startup_cortex_m4.S"), folder.file("port_cortex_m4.c"),
                                          folder.file("harness.c")} +
                 objects + std::vector<std::string>{"-lm", "-o", folder.file("model.elf")});
}

std::string output_of(const std::vector<std::string>& command, const HarnessFolder& folder) {
  const ProcessResult result =
      run_process(command, kInstall, {.working_folder = folder.path(), .timeout_s = 120});
  if (result.exit_code != 0 || result.timed_out)
    throw Error(command[0], "failed: " + result.standard_error, kInstall);
  return result.standard_output;
}

/// Links the network alone, from its run function on, and reads what is left in each section.
ProgramSize measure_size(const HarnessFolder& folder, const std::vector<std::string>& compiler,
                         const std::vector<std::string>& objects, const std::string& prefix) {
  folder.compile(compiler +
                 std::vector<std::string>{"-nostartfiles", "-Wl,--gc-sections", "-Wl,-e," + prefix + "_run",
                                          "-T", link_option(folder)} +
                 objects + std::vector<std::string>{"-lm", "-o", folder.file("alone.elf")});
  const std::string table = output_of({"arm-none-eabi-size", "-A", folder.file("alone.elf")}, folder);
  const auto section = [&](const std::string& name) -> size_t {
    const size_t at = table.find("\n" + name + " ");
    size_t bytes = 0;
    if (at == std::string::npos) return 0;
    const size_t number = table.find_first_not_of(' ', at + 1 + name.size());
    std::from_chars(table.data() + number, table.data() + table.size(), bytes);
    return bytes;
  };
  return {section(".text"), section(".rodata"), section(".data") + section(".bss")};
}

/// The plugin, compiled at its first use and kept for the life of this process.
std::string counting_plugin(const HarnessFolder& folder) {
  static const TemporaryFolder kept;
  static const std::string plugin = [&] {
    std::string path = (kept.path() / "count_instructions.so").string();
    folder.compile({"cc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden",
                    folder.file("count_instructions.c"), "-o", path});
    return path;
  }();
  return plugin;
}

/// Says which function a fault of the program happened in: "thimble-fault: pc 0x000012a4 status ... address
/// ...".
std::string explain_failure(const std::string& message, const Image& image) {
  const size_t at = message.find("thimble-fault: pc ");
  unsigned int pc = 0;
  if (at == std::string::npos || std::sscanf(message.c_str() + at, "thimble-fault: pc %x", &pc) != 1)
    return message;
  const Image::Function* const function = pc != 0 ? image.function_at(pc) : nullptr;
  return fmt::format("a fault in {} ({})",
                     function != nullptr ? function->name : "code that cannot be told: the stack is broken",
                     message.substr(at + 15, message.find('\n', at) - at - 15));
}

void emulate(const HarnessFolder& folder, const Image& image, size_t samples, const ProgramOptions& options,
             const std::string& plugin) {
  std::vector<std::string> command = {kEmulator,
                                      "-M",
                                      "mps2-an386",
                                      "-display",
                                      "none",
                                      "-monitor",
                                      "none",
                                      "-serial",
                                      "none",
                                      "-semihosting-config",
                                      "enable=on,target=native",
                                      "-kernel",
                                      folder.file("model.elf")};
  if (!plugin.empty()) command.insert(command.end(), {"-plugin", plugin});
  const ProcessResult result =
      run_process(command, kInstall, {.working_folder = folder.path(), .timeout_s = options.timeout_s});
  if (result.timed_out) {
    throw Error(kWhere, fmt::format("did not finish {} samples within {} s", samples, options.timeout_s),
                "Use fewer samples, or check that the network is not far too big for this device");
  }
  if (result.exit_code != 0) {
    throw Error(kWhere, explain_failure(result.standard_output + result.standard_error, image),
                "The C is wrong or needs more memory than the board has: please report it with the model");
  }
}

std::vector<InferenceCost> count(const HarnessFolder& folder, const Image& image, const GeneratedC& program,
                                 size_t samples, const ProgramOptions& options) {
  const std::string out = folder.file("counts.txt");
  std::string plugin = fmt::format("{},out={},limit={:#x}", counting_plugin(folder), out, image.end());
  for (const uint32_t cut : cuts_of(image, program.prefix)) plugin += fmt::format(",cut={:#x}", cut);
  emulate(folder, image, samples, options, plugin);
  std::vector<InferenceCost> costs = parse_counts(read_text(out, uint64_t{1} << 31), image, program.prefix);
  if (costs.size() != samples) {
    throw Error("the counts of instructions", fmt::format("cover {} of {} samples", costs.size(), samples),
                "Check that the disk is not full and run the command again");
  }
  return costs;
}

}  // namespace

ProgramRun run_on_cortex_m4(const GeneratedC& program, std::span<const std::vector<std::byte>> samples,
                            const ProgramOptions& options) {
  const size_t counted = std::min(options.counted_samples, samples.size());
  assert(!(options.trace && counted > 0) && "what a trace costs would be counted");
  require_tools(counted > 0);

  const HarnessFolder folder(program);
  const std::vector<std::string> compiler = compiler_command(folder, options);
  const std::vector<std::string> objects = compile_network(folder, compiler, program.prefix);
  link_program(folder, compiler, objects);
  const Image image = parse_disassembly(
      output_of({"arm-none-eabi-objdump", "-d", "-j", ".text", folder.file("model.elf")}, folder));

  ProgramRun run;
  if (counted > 0) {
    folder.write_samples(samples.first(counted));
    run.costs = count(folder, image, program, counted, options);
  }
  if (counted < samples.size()) {
    folder.write_samples(samples);
    emulate(folder, image, samples.size(), options, "");
  }
  run.outputs = folder.read_outputs(samples.size());
  if (options.trace) {
    run.layers = folder.read_layers(samples.size());
  } else {
    run.size = measure_size(folder, compiler, objects, program.prefix);
    const std::vector<uint32_t> stack = folder.read_stack(samples.size());
    if (!stack.empty()) run.stack_bytes = *std::max_element(stack.begin(), stack.end());
  }
  return run;
}

}  // namespace thimble::deploy
