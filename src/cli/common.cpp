#include "cli/common.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>

#include "base/error.h"
#include "deploy/results_json.h"
#include "formats/model.h"
#include "zoo/zoo.h"

namespace thimble::cli {
namespace {

constexpr const char* kCommonGroup = "Options of every verb";

/// A seed stands in recipes, whose integers have 63 bits; and -1 and 010 are not what they seem.
std::string seed_check(const std::string& text) {
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  const bool is_plain = text == "0" || text[0] != '0';
  const std::string most = std::to_string(std::numeric_limits<int64_t>::max());
  if (is_number && is_plain && (text.size() < most.size() || (text.size() == most.size() && text <= most)))
    return "";
  return "takes a whole number from 0 to " + most;
}

}  // namespace

Progress CommonOptions::progress() const {
  return [bar = std::make_shared<ProgressBar>(quiet)](const ProgressUpdate& update) { (*bar)(update); };
}

CLI::App* add_verb(CLI::App& program, const std::string& name, const std::string& description,
                   const std::string& notes, const std::string& example, CommonOptions& common) {
  CLI::App* verb = program.add_subcommand(name, description);
  verb->set_help_flag("-h,--help", "print this help")->group(kCommonGroup);
  verb->add_flag("--json", common.json, "print one JSON document")->group(kCommonGroup);
  verb->add_flag("--quiet", common.quiet, "no progress bars, no lines on stages")->group(kCommonGroup);
  verb->add_option("--seed", common.seed, "seed of all random numbers")
      ->check(seed_check)
      ->option_text("N [1]")
      ->group(kCommonGroup);
  verb->add_option("--threads", common.threads, "threads to use")
      ->check(CLI::Range(1, 1024))
      ->option_text("N [all free cores]")
      ->group(kCommonGroup);
  verb->get_formatter()->column_width(28);
  verb->footer((notes.empty() ? "" : notes + "\n\n") + "Example:\n  " + example);
  return verb;
}

void print(const CommonOptions& common, const nlohmann::json& document, std::string_view text) {
  std::string line = common.json ? deploy::text_of(document) : std::string(text);
  if (line.empty() || line.back() != '\n') line += '\n';
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0) {
    throw Error("standard output", "cannot be written",
                "Check that its disk is not full and its reader still there");
  }
}

Graph load_model(std::string_view model, uint64_t seed) {
  constexpr std::string_view kZoo = "zoo:";
  if (model.starts_with(kZoo)) return zoo::build(model.substr(kZoo.size()), seed);
  return formats::read_model(model);
}

namespace {

std::string& kept_command_line() {
  static std::string text;
  return text;
}

/// A word as a shell takes it.
std::string shell_word(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

}  // namespace

void set_command_line(int argc, const char* const* argv) {
  kept_command_line() = "thimble";
  for (int i = 1; i < argc; ++i) kept_command_line() += " " + shell_word(argv[i]);
}

const std::string& command_line() { return kept_command_line(); }

std::string wrapped(std::string_view text) {
  constexpr size_t kColumns = 80;
  std::string result;
  size_t column = 0;
  while (!text.empty()) {
    const size_t space = std::min(text.find(' '), text.size());
    if (column > 0 && column + 1 + space > kColumns) {
      result += '\n';
      column = 0;
    }
    if (column > 0) {
      result += ' ';
      ++column;
    }
    result += text.substr(0, space);
    column += space;
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return result;
}

}  // namespace thimble::cli
