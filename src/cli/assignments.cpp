#include "cli/assignments.h"

#include <fmt/format.h>

#include <cctype>

#include "base/error.h"

namespace thimble::cli {

std::string toml_of(const std::vector<std::string>& assignments, std::string_view option) {
  std::string text;
  for (const std::string& assignment : assignments) {
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos) {
      throw Error(fmt::format("{} {}", option, assignment), "has no '='", "Write it as KEY=VALUE",
                  ExitCode::kUsage);
    }
    const std::string value = assignment.substr(equals + 1);
    const bool is_word = !value.empty() && std::isalpha(static_cast<unsigned char>(value[0])) != 0 &&
                         value != "true" && value != "false";
    text += fmt::format("{} = {}\n", assignment.substr(0, equals), is_word ? '"' + value + '"' : value);
  }
  return text;
}

}  // namespace thimble::cli
