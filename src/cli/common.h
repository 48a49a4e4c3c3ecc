#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "base/text.h"
#include "graph/graph.h"

namespace thimble::cli {

/// What every verb takes.
struct CommonOptions {
  bool json = false;
  bool quiet = false;
  uint64_t seed = 1;
  int threads = 0;  ///< 0: as many as there are cores, for training as many as are free

  Progress progress() const;
};

/// Adds a verb with the common options. Its help has `notes` (of lines of at most 80 columns; may be empty)
/// below the options and ends with `example`.
CLI::App* add_verb(CLI::App& program, const std::string& name, const std::string& description,
                   const std::string& notes, const std::string& example, CommonOptions& common);

/// Prints the document as the only thing on standard output, or, without --json, the text.
void print(const CommonOptions& common, const nlohmann::json& document, std::string_view text);

/// A model by the command line's name: "zoo:NAME[,key=value...]" (random weights from `seed`) or the path of
/// a model file.
Graph load_model(std::string_view model, uint64_t seed);

/// The program's version and, behind a +, twelve digits of the SHA-256 of the sources that decide its results
/// (cmake/version.cmake).
const std::string& version();

/// The command that this program was called with, as a shell takes it; main sets it.
const std::string& command_line();
void set_command_line(int argc, const char* const* argv);

/// Words in lines of at most 80 columns.
std::string wrapped(std::string_view text);

}  // namespace thimble::cli
