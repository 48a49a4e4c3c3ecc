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
#include "deploy/emulator/stack_bound.h"
#include "deploy/emulator/target.h"
#include "device/timings.h"

namespace thimble::deploy {
namespace {

std::vector<std::string> operator+(std::vector<std::string> left, const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

std::string install_hint(const Target& target) { return "Run: apt-get install " + target.packages; }

/// Compiles, links, looks at and starts a program for one target in one folder.
class Build {
 public:
  Build(const Target& target, const HarnessFolder& folder, const GeneratedC& program,
        const ProgramOptions& options);

  const Image& image() const { return image_; }

  /// Runs the program on the samples that lie in the folder; `plugin` is QEMU's, or empty.
  void emulate(size_t samples, const std::string& plugin) const;

  /// Links the network alone, from its run function on, and reads what is left in each section.
  ProgramSize measure_size() const;

 private:
  std::vector<std::string> runtime_files(const std::vector<std::string>& names) const;
  std::string output_of(const std::vector<std::string>& command) const;

  const Target& target_;
  const HarnessFolder& folder_;
  const ProgramOptions& options_;
  std::string prefix_;
  std::vector<std::string> compiler_;
  std::vector<std::string> objects_;  ///< of the network
  Image image_;
};

/// C99 as the standard has it (no fused multiply-add that the source does not ask for), so that floats are
/// the same on every machine; and no merging of equal functions, so that every layer keeps a name to be
/// charged to. Each C file of the network is compiled by itself, as a user's build does.
Build::Build(const Target& target, const HarnessFolder& folder, const GeneratedC& program,
             const ProgramOptions& options)
    : target_(target), folder_(folder), options_(options), prefix_(program.prefix) {
  compiler_ = std::vector<std::string>{target.tools + "gcc", "-std=c99"} + target.machine_flags +
              std::vector<std::string>{"-ffunction-sections",
                                       "-fdata-sections",
                                       "-fno-ipa-icf",
                                       "-DTHIMBLE_ARENA_FILL=0xA5",
                                       "-I",
                                       folder.file("model"),
                                       "-I",
                                       folder.path().string()} +
              (options.flags.empty() ? target.optimize_flags : options.flags);
  if (options.trace) compiler_.emplace_back("-DTHIMBLE_TRACE");

  std::string no_arena = "-D" + prefix_ + "_NO_ARENA";
  std::transform(no_arena.begin() + 2, no_arena.end(), no_arena.begin() + 2,
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const std::string& source : folder.sources()) {
    objects_.push_back(source + ".o");
    folder.compile(compiler_ + std::vector<std::string>{no_arena, "-c", source, "-o", objects_.back()},
                   target);
  }
  folder.compile(compiler_ + target.link_flags + std::vector<std::string>{"-Wl,--gc-sections"} +
                     runtime_files(target.runtime) + runtime_files(target.library) +
                     std::vector<std::string>{folder.file("harness.c")} + objects_ +
                     std::vector<std::string>{"-lm", "-o", folder.file("model.elf")},
                 target);
  std::vector<std::string> disassemble = {target.tools + "objdump", "-d", folder.file("model.elf")};
  for (const std::string& section : target.code_sections) {
    disassemble.insert(disassemble.end(), {"-j", section});
  }
  image_ = parse_disassembly(output_of(disassemble));
  // An Xtensa fetches a LOOP's first instruction as a whole, which QEMU does not ask for.
  for (const device::Instruction& one : image_.instructions) {
    if (one.mnemonic == "loop" && (one.address + one.size) % 4 > 1)
      throw Error(fmt::format("{:x}", one.address), "a loop's first instruction lies in two words",
                  "This is a bug of Thimble: please report it with the model.");
  }
}

std::vector<std::string> Build::runtime_files(const std::vector<std::string>& names) const {
  std::vector<std::string> paths;
  for (const std::string& name : names) paths.push_back(folder_.file(name));
  return paths;
}

std::string Build::output_of(const std::vector<std::string>& command) const {
  const std::string hint = install_hint(target_);
  const ProcessResult result =
      run_process(command, hint, {.working_folder = folder_.path(), .timeout_s = 120});
  if (result.exit_code != 0 || result.timed_out)
    throw Error(command[0], "failed: " + result.standard_error, hint);
  return result.standard_output;
}

ProgramSize Build::measure_size() const {
  const std::string alone = folder_.file("alone.elf");
  folder_.compile(
      compiler_ + target_.size_link_flags +
          std::vector<std::string>{"-nostartfiles", "-Wl,--gc-sections", "-Wl,-e," + prefix_ + "_run"} +
          runtime_files(target_.library) + objects_ + std::vector<std::string>{"-lm", "-o", alone},
      target_);
  const std::string table = output_of({target_.tools + "size", "-A", alone});
  const auto section = [&](const std::string& name) -> size_t {
    const size_t at = table.find("\n" + name + " ");
    size_t bytes = 0;
    if (at == std::string::npos) return 0;
    const size_t number = table.find_first_not_of(' ', at + 1 + name.size());
    std::from_chars(table.data() + number, table.data() + table.size(), bytes);
    return bytes;
  };
  return {section(".text"), section(".rodata"), section(".data") + section(".bss"), section(".data")};
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

void Build::emulate(size_t samples, const std::string& plugin) const {
  std::vector<std::string> command = target_.emulator;
  // QEMU's options stand before the program, which comes last.
  if (!plugin.empty()) command.insert(command.begin() + 1, {"-plugin", plugin});
  command.push_back(folder_.file("model.elf"));
  const ProcessResult result = run_process(
      command, install_hint(target_), {.working_folder = folder_.path(), .timeout_s = options_.timeout_s});
  if (result.timed_out) {
    throw Error(target_.name,
                fmt::format("did not finish {} samples within {} s", samples, options_.timeout_s),
                "Use fewer samples, or check that the network is not far too big for this device");
  }
  if (result.exit_code != 0) {
    throw Error(target_.name, explain_failure(result.standard_output + result.standard_error, image_),
                "The C is wrong or needs more memory than the board has: please report it with the model");
  }
}

/// The plugin, compiled at its first use and kept for the life of this process.
std::string counting_plugin(const HarnessFolder& folder) {
  static const TemporaryFolder kept;
  static const std::string plugin = [&] {
    std::string path = (kept.path() / "count_instructions.so").string();
    folder.compile_for_host({"cc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden",
                             folder.file("count_instructions.c"), "-o", path});
    return path;
  }();
  return plugin;
}

std::vector<InferenceCost> count(const Build& build, const HarnessFolder& folder, const GeneratedC& program,
                                 const Target& target, size_t samples) {
  const Image& image = build.image();
  const std::string out = folder.file("counts.txt");
  std::string plugin = fmt::format("{},out={},begin={:#x},end={:#x}", counting_plugin(folder), out,
                                   image.begin(), image.end());
  for (const uint32_t cut : cuts_of(image, program.prefix)) plugin += fmt::format(",cut={:#x}", cut);
  build.emulate(samples, plugin);
  const device::CoreTimings* const timings = device::core_timings(target.core);
  std::vector<InferenceCost> costs = parse_counts(read_text(out, uint64_t{1} << 31), image, program.prefix,
                                                  timings != nullptr ? timings->cycles : nullptr);
  if (costs.size() != samples) {
    throw Error("the counts of instructions", fmt::format("cover {} of {} samples", costs.size(), samples),
                "Check that the disk is not full and run the command again");
  }
  return costs;
}

}  // namespace

void expect_tools(const Target& target, bool counting) {
  std::vector<std::string> tools = {target.tools + "gcc", target.tools + "objdump", target.tools + "size",
                                    target.emulator[0]};
  if (counting) tools.emplace_back("cc");
  std::erase_if(tools, [](const std::string& tool) { return find_program(tool).has_value(); });
  if (!tools.empty()) {
    throw Error(fmt::format("{}", fmt::join(tools, ", ")),
                fmt::format("not installed (not found on PATH), and needed to run {}", target.name),
                install_hint(target));
  }
}

ProgramRun run_emulated(const Target& target, const GeneratedC& program,
                        std::span<const std::vector<std::byte>> samples, const ProgramOptions& options) {
  const size_t counted = std::min(options.counted_samples, samples.size());
  assert(!(options.trace && counted > 0) && "what a trace costs would be counted");
  expect_tools(target, counted > 0);

  const HarnessFolder folder(program);
  const Build build(target, folder, program, options);
  ProgramRun run;
  if (counted > 0) {
    folder.write_samples(samples.first(counted));
    run.costs = count(build, folder, program, target, counted);
  }
  if (counted < samples.size()) {
    folder.write_samples(samples);
    build.emulate(samples.size(), "");
  }
  run.outputs = folder.read_outputs(samples.size());
  if (options.trace) {
    run.layers = folder.read_layers(samples.size());
  } else {
    run.size = build.measure_size();
    const std::vector<uint32_t> stack = folder.read_stack(samples.size());
    if (!stack.empty()) run.stack_bytes = *std::max_element(stack.begin(), stack.end());
    run.stack_bound_bytes = stack_bound(build.image(), program.prefix + "_run");
  }
  return run;
}

}  // namespace thimble::deploy
