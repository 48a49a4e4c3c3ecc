#include "device/timings.h"

#include "device/cortex_m4.h"

namespace thimble::device {

CycleModel cycle_model(std::string_view core) {
  if (core == "cortex-m4f") return cortex_m4_cycles;
  return nullptr;
}

}  // namespace thimble::device
