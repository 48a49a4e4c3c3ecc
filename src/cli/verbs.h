#pragma once

#include <CLI/CLI.hpp>

namespace thimble::cli {

// Each adds one verb to the program.
void add_data(CLI::App& program);
void add_zoo(CLI::App& program);
void add_devices(CLI::App& program);
void add_train(CLI::App& program);
void add_evaluate(CLI::App& program);
void add_prune(CLI::App& program);
void add_distill(CLI::App& program);
void add_redesign(CLI::App& program);
void add_quantize(CLI::App& program);
void add_optimize(CLI::App& program);
void add_study(CLI::App& program);
void add_search(CLI::App& program);
void add_check(CLI::App& program);
void add_deploy(CLI::App& program);
void add_run(CLI::App& program);
void add_verify(CLI::App& program);
void add_profile(CLI::App& program);
void add_convert(CLI::App& program);
void add_report(CLI::App& program);

}  // namespace thimble::cli
