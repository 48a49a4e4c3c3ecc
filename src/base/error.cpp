#include "base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace thimble {
namespace {

std::string sentence(std::string_view text) {
  if (text.empty() || text.back() == '.') return std::string(text);
  return std::string(text) + ".";
}

std::string text_of(const std::vector<Finding>& findings) {
  const auto one = [](const Finding& finding) {
    return fmt::format("{}: {}{}{}", finding.where, sentence(finding.reason),
                       finding.remedy.empty() ? "" : " ", sentence(finding.remedy));
  };
  if (findings.size() == 1) return one(findings[0]);
  std::string text = fmt::format("{} things in it are not supported.", findings.size());
  for (size_t i = 0; i < std::min(findings.size(), ModelError::kShown); ++i) {
    text += fmt::format(" ({}) {}", i + 1, one(findings[i]));
  }
  return findings.size() > ModelError::kShown ? text + " And more." : text;
}

}  // namespace

Error::Error(std::string_view where, std::string_view reason, std::string_view remedy, ExitCode exit_code)
    : std::runtime_error(remedy.empty()
                             ? fmt::format("{}: {}", where, sentence(reason))
                             : fmt::format("{}: {} {}", where, sentence(reason), sentence(remedy))),
      where_(where),
      reason_(reason),
      remedy_(remedy),
      exit_code_(exit_code) {}

ModelError::ModelError(std::string_view file, std::vector<Finding> findings)
    : Error(file, text_of(findings), ""), findings_(std::move(findings)) {}

}  // namespace thimble
