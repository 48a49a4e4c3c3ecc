#include "device/cortex_m0plus.h"

#include <algorithm>

namespace thimble::device {
namespace {

/// The registers in "{r4, r5, lr}" or "{r4-r7}".
uint64_t listed_registers(std::string_view operands) {
  const size_t open = operands.find('{');
  if (open == std::string_view::npos) return 1;
  const std::string_view list = operands.substr(open + 1, operands.find('}', open) - open - 1);
  uint64_t count = 1 + static_cast<uint64_t>(std::ranges::count(list, ','));
  for (size_t dash = list.find('-'); dash != std::string_view::npos; dash = list.find('-', dash + 1)) {
    // objdump writes ranges of low registers alone: one digit on either side
    count += static_cast<uint64_t>(list[dash + 2] - list[dash - 1]);
  }
  return count;
}

}  // namespace

uint64_t cortex_m0plus_cycles(const Instruction& instruction) {
  const std::string_view name =
      std::string_view(instruction.mnemonic).substr(0, instruction.mnemonic.find('.'));
  const uint64_t n = instruction.executions;
  if (name == "push" || name.starts_with("ldm") || name.starts_with("stm")) {
    return (1 + listed_registers(instruction.operands)) * n;
  }
  // A load of the program counter refills the pipeline.
  if (name == "pop") return (1 + listed_registers(instruction.operands)) * n + 2 * instruction.taken;
  if (name == "bl") return 3 * n;
  if (name.starts_with("ldr") || name.starts_with("str")) return 2 * n;
  return n + instruction.taken;
}

}  // namespace thimble::device
