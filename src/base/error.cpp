#include "base/error.h"

#include <fmt/format.h>

namespace thimble {
namespace {

std::string sentence(std::string_view text) {
  if (text.empty() || text.back() == '.') return std::string(text);
  return std::string(text) + ".";
}

}  // namespace

Error::Error(std::string_view where, std::string_view reason, std::string_view remedy, ExitCode exit_code)
    : std::runtime_error(remedy.empty()
                             ? fmt::format("{}: {}", where, sentence(reason))
                             : fmt::format("{}: {} {}", where, sentence(reason), sentence(remedy))),
      exit_code_(exit_code) {}

}  // namespace thimble
