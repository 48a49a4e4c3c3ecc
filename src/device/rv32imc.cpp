#include "device/rv32imc.h"

#include <algorithm>
#include <array>

namespace thimble::device {
namespace {

constexpr std::array<std::string_view, 8> kMemory = {"lb", "lbu", "lh", "lhu", "lw", "sb", "sh", "sw"};
constexpr std::array<std::string_view, 4> kDivisions = {"div", "divu", "rem", "remu"};
constexpr std::array<std::string_view, 3> kHighProducts = {"mulh", "mulhu", "mulhsu"};
constexpr std::array<std::string_view, 5> kJumps = {"j", "jal", "jalr", "jr", "ret"};

bool is_one_of(std::string_view name, const auto& names) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

uint64_t rv32imc_cycles(const Instruction& instruction) {
  const uint64_t n = instruction.executions;
  if (is_one_of(instruction.mnemonic, kMemory)) return 2 * n;
  if (is_one_of(instruction.mnemonic, kDivisions)) return 37 * n;
  if (is_one_of(instruction.mnemonic, kHighProducts)) return 2 * n;
  return n + (is_one_of(instruction.mnemonic, kJumps) ? 1 : 2) * instruction.taken;
}

}  // namespace thimble::device
