#pragma once

#include <ostream>
#include <string>

#include "deploy/emulator/target.h"

namespace thimble::deploy {

/// So that a failing test names its target.
inline void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

}  // namespace thimble::deploy

namespace thimble::test {

/// "cortex_m4f_mps2_an386", for the name of a test.
std::string identifier(const deploy::Target& target);

}  // namespace thimble::test
