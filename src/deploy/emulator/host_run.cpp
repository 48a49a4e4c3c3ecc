#include <fmt/format.h>

#include "base/error.h"
#include "base/process.h"
#include "deploy/emulator/harness_folder.h"
#include "deploy/emulator/program.h"

namespace thimble::deploy {

ProgramRun run_on_host(const GeneratedC& program, std::span<const std::vector<std::byte>> samples,
                       const ProgramOptions& options) {
  if (!find_program("cc"))
    throw Error("cc", "the C compiler is not installed", "Run: apt-get install gcc libc6-dev");
  const HarnessFolder folder(program);
  folder.write_samples(samples);

  // C99 as the standard has it: no fused multiply-add that the source does not ask for, so floats are the
  // same everywhere.
  std::vector<std::string> command = {"cc",
                                      "-std=c99",
                                      "-DTHIMBLE_ARENA_FILL=0x3A",
                                      "-I",
                                      folder.file("model"),
                                      "-I",
                                      folder.path().string()};
  if (options.flags.empty()) command.emplace_back("-O2");
  command.insert(command.end(), options.flags.begin(), options.flags.end());
  if (options.trace) command.emplace_back("-DTHIMBLE_TRACE");
  command.insert(command.end(),
                 {folder.file("harness.c"), folder.file("port_stdio.c"), folder.file("call_directly.c")});
  command.insert(command.end(), folder.sources().begin(), folder.sources().end());
  command.insert(command.end(), {"-lm", "-o", folder.file("model_on_host")});
  folder.compile_for_host(command);

  const ProcessResult result =
      run_process({folder.file("model_on_host")}, "Set TMPDIR to a folder that allows execution",
                  {.working_folder = folder.path(), .timeout_s = options.timeout_s});
  if (result.timed_out) {
    throw Error("the generated C on this machine",
                fmt::format("did not finish {} samples within {} s", samples.size(), options.timeout_s),
                "Use fewer samples");
  }
  if (result.exit_code != 0) {
    throw Error("the generated C on this machine",
                fmt::format("failed with exit code {}: {}", result.exit_code, result.standard_error),
                "If the temporary folder does not allow execution, set TMPDIR to one that does; else please "
                "report it");
  }
  ProgramRun run;
  run.outputs = folder.read_outputs(samples.size());
  if (options.trace) run.layers = folder.read_layers(samples.size());
  return run;
}

}  // namespace thimble::deploy
