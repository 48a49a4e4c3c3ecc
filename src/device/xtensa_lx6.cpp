#include "device/xtensa_lx6.h"

#include <algorithm>

namespace thimble::device {
namespace {

/// Whether `instruction` has what the load before it loads among its operands, the first one aside, which it
/// writes.
bool needs_loaded_value(const Instruction& instruction, const Instruction& load) {
  if (load.address + load.size != instruction.address) return false;
  if (!load.mnemonic.starts_with("l8") && !load.mnemonic.starts_with("l16") &&
      !load.mnemonic.starts_with("l32"))
    return false;
  const std::string loaded = load.operands.substr(0, load.operands.find(','));
  const bool writes_first = !instruction.mnemonic.starts_with("s") && !instruction.mnemonic.starts_with("b");
  const std::string& text = instruction.operands;
  for (size_t at = text.find(loaded, writes_first ? std::min(text.find(','), text.size()) : 0);
       at != std::string::npos; at = text.find(loaded, at + 1)) {
    const size_t end = at + loaded.size();
    if (end == text.size() || text[end] == ',') return true;
  }
  return false;
}

}  // namespace

uint64_t xtensa_lx6_cycles(const Instruction& instruction, const Instruction* previous) {
  uint64_t cycles = instruction.executions + 2 * instruction.taken;
  if (previous != nullptr && needs_loaded_value(instruction, *previous)) {
    cycles += std::min(instruction.executions, previous->executions);
  }
  return cycles;
}

}  // namespace thimble::device
