#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "cli/common.h"
#include "cli/verbs.h"

namespace {

using thimble::ExitCode;

ExitCode fail(std::string_view message, ExitCode code) {
  thimble::tell(thimble::cli::wrapped(fmt::format("thimble: {}", message)) + "\n");
  return code;
}

ExitCode run(int argc, char** argv) {
  thimble::cli::set_command_line(argc, argv);
  CLI::App program("Makes neural networks fit the smallest computers, and proves what they compute.",
                   "thimble");
  program.set_version_flag("--version", "thimble " + thimble::cli::version());
  program.require_subcommand(1);
  program.get_formatter()->column_width(26);
  program.footer(
      "A MODEL is an .onnx or .tflite file, or zoo:NAME[,key=value...].\n"
      "\"thimble VERB --help\" tells more. Exit codes: 0 done, 1 error in input or\n"
      "environment, 2 wrong usage, 3 the budget cannot be met, 4 verification failed.\n\n"
#ifdef THIMBLE_TRAINING
      "Example:\n  thimble optimize recipes/mnist-nano33ble.toml -o runs/mnist");
#else
      "Example:\n  thimble check model.tflite --device nano33ble");
#endif
  using namespace thimble::cli;
#ifdef THIMBLE_TRAINING
  add_optimize(program);
  add_study(program);
  add_search(program);
  add_train(program);
  add_evaluate(program);
  add_prune(program);
  add_redesign(program);
  add_distill(program);
  add_quantize(program);
#endif
  add_check(program);
  add_deploy(program);
  add_verify(program);
  add_profile(program);
  add_run(program);
  add_convert(program);
#ifdef THIMBLE_TRAINING
  add_report(program);
#endif
  add_data(program);
  add_zoo(program);
  add_devices(program);

  try {
    program.parse(argc, argv);
    return ExitCode::kDone;
  } catch (const CLI::Success& success) {
    program.exit(success);
    return ExitCode::kDone;
  } catch (const CLI::ParseError& error) {
    const auto chosen = program.get_subcommands();
    const std::string verb = chosen.empty() ? "" : " " + chosen.front()->get_name();
    const bool unknown_verb = argc > 1 && argv[1][0] != '-' && chosen.empty();
    return fail(unknown_verb ? fmt::format("there is no verb \"{}\". See \"thimble --help\".", argv[1])
                             : fmt::format("{}. See \"thimble{} --help\".", error.what(), verb),
                ExitCode::kUsage);
  } catch (const thimble::Error& error) {
    return fail(error.what(), error.exit_code());
  } catch (const nlohmann::json::exception& error) {
    return fail(
        fmt::format("a JSON file of the run is damaged ({}). Move the run's folder away and run again.",
                    error.what()),
        ExitCode::kError);
  } catch (const std::system_error& error) {
    return fail(fmt::format("the system refused: {}. Check its limits, disks and permissions.", error.what()),
                ExitCode::kError);
  } catch (const std::bad_alloc&) {
    return fail(
        "there is not enough memory for this. Close other programs, or take a smaller model or data set.",
        ExitCode::kError);
  } catch (const std::exception& error) {
    // libtorch's; a list of its functions follows the first line.
    const std::string_view text = error.what();
    return fail(fmt::format("an error that was not foreseen: {} With too little memory, a smaller batch or "
                            "model helps.",
                            text.substr(0, text.find('\n'))),
                ExitCode::kError);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away is an error of writing, not a silent end.
  std::signal(SIGPIPE, SIG_IGN);
  return static_cast<int>(run(argc, argv));
}
