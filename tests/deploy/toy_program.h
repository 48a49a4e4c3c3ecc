#pragma once

#include <string>
#include <vector>

#include "deploy/emulator/program.h"
#include "deploy/target_names.h"
#include "support/expect_error.h"

namespace thimble::test {

using Sample = std::vector<std::byte>;

/// A "network" with 8 bytes in, 8 bytes out and an arena of 64, whose C is given: it defines toy_run.
deploy::GeneratedC toy(const std::string& c);

/// out[i] = in[i] + 1
extern const char* const kIncrement;

/// The bytes first, first + 1, ...
Sample sample(int first);

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace thimble::test
