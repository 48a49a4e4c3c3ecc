#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "deploy/emulator/program.h"
#include "deploy/target_names.h"

namespace thimble::test {

using Sample = std::vector<std::byte>;

/// A "network" with 8 bytes in, 8 bytes out and an arena of 64, whose C is given: it defines toy_run.
deploy::GeneratedC toy(const std::string& c);

/// out[i] = in[i] + 1
extern const char* const kIncrement;

/// The bytes first, first + 1, ...
Sample sample(int first);

/// The text of the Error that a run ends with, or "no error".
template <typename Run>
std::string outcome_of(Run run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace thimble::test
