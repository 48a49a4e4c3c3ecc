#pragma once

#include <vector>

#include "base/embedded.h"

namespace thimble::deploy {

/// Every header of kernels/, compiled into the program: "generic/conv2d_s8.h".
const std::vector<EmbeddedFile>& kernel_files();

}  // namespace thimble::deploy
