#pragma once

#include <string>
#include <vector>

#include "graph/kernel_call.h"

namespace thimble::deploy {

/// The parameters of one kernel call as C.
struct CParameters {
  std::string type;                 ///< "thimble_conv2d_parameters"
  std::vector<std::string> fields;  ///< ".input_h = 28", ...; fields that are 0 are left out
};

/// One a call of the kernel: one, or of a Concat one an input.
std::vector<CParameters> c_parameters(const KernelCall::Parameters& parameters);

}  // namespace thimble::deploy
