#include "device/cortex_m4.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace thimble::device {
namespace {

bool is_condition(std::string_view text) {
  static constexpr std::array<std::string_view, 17> kConditions = {
      "eq", "ne", "cs", "hs", "cc", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al"};
  return std::find(kConditions.begin(), kConditions.end(), text) != kConditions.end();
}

bool is_name_with_condition(std::string_view text, std::string_view name) {
  return text == name || (text.starts_with(name) && is_condition(text.substr(name.size())));
}

/// The names of registers in a piece of operands, in order: "r0, [r1, #4]" gives r0, r1.
std::vector<std::string_view> words_of(std::string_view operands) {
  std::vector<std::string_view> words;
  size_t at = 0;
  while (at < operands.size()) {
    if (std::isalpha(static_cast<unsigned char>(operands[at])) == 0) {
      at = operands[at] == '#' ? std::min(operands.find_first_of(",]", at), operands.size()) : at + 1;
      continue;
    }
    size_t end = at;
    while (end < operands.size() && std::isalnum(static_cast<unsigned char>(operands[end])) != 0) ++end;
    words.push_back(operands.substr(at, end - at));
    at = end;
  }
  return words;
}

std::string_view address_part(std::string_view operands) {
  const size_t open = operands.find('[');
  if (open == std::string_view::npos) return {};
  return operands.substr(open, operands.find(']', open) - open);
}

/// The words of memory that "{r4, r5, lr}", "{s16-s31}" or "{d8-d15}" stands for.
uint64_t listed_words(std::string_view operands) {
  const size_t open = operands.find('{');
  const size_t close = operands.find('}');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return 1;
  const std::string_view list = operands.substr(open, close - open);
  uint64_t words = 0;
  uint64_t range_start = 0;
  bool in_range = false;
  size_t at = 0;
  for (const std::string_view name : words_of(list)) {
    const size_t position = list.find(name, at);
    in_range = position > 0 && list[position - 1] == '-';
    at = position + name.size();
    const uint64_t words_each = name[0] == 'd' ? 2 : 1;
    const uint64_t number = std::strtoull(std::string(name.substr(1)).c_str(), nullptr, 10);
    words += words_each * (in_range && number > range_start ? number - range_start : 1);
    range_start = number;
  }
  return words;
}

bool is_single_access(InstructionClass kind) {
  return kind == InstructionClass::kLoad || kind == InstructionClass::kStore ||
         kind == InstructionClass::kStoreRegisterOffset;
}

/// How many of the executions share a cycle with the load or store just before.
uint64_t pipelined(const Instruction& instruction, const Instruction* previous) {
  if (previous == nullptr || previous->address + previous->size != instruction.address) return 0;
  const InstructionClass before = classify(*previous);
  if (!is_single_access(before)) return 0;
  if (before == InstructionClass::kLoad) {
    const std::vector<std::string_view> loaded = words_of(previous->operands);
    const std::vector<std::string_view> needed = words_of(address_part(instruction.operands));
    if (!loaded.empty() && std::find(needed.begin(), needed.end(), loaded[0]) != needed.end()) return 0;
  }
  return std::min(previous->executions, instruction.executions);
}

}  // namespace

InstructionClass classify(const Instruction& instruction) {
  const std::string_view full = instruction.mnemonic;
  const std::string_view name = full.substr(0, full.find('.'));
  const std::string_view operands = instruction.operands;
  if (name.starts_with('v')) {
    if (starts_with_one_of(name, {"vldm", "vstm", "vpush", "vpop"})) return InstructionClass::kMultiple;
    if (name.starts_with("vldr")) return InstructionClass::kFloatLoad;
    if (name.starts_with("vstr")) return InstructionClass::kFloatStore;
    if (starts_with_one_of(name, {"vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnma", "vfnms"})) {
      return InstructionClass::kFloatMultiplyAccumulate;
    }
    if (starts_with_one_of(name, {"vdiv", "vsqrt"})) return InstructionClass::kFloatDivide;
    if (name.starts_with("vmov") && words_of(operands).size() >= 3) return InstructionClass::kFloatMovePair;
    return InstructionClass::kSimple;
  }
  for (const std::string_view branch : {"b", "bl", "bx", "blx"}) {
    if (is_name_with_condition(name, branch)) return InstructionClass::kBranch;
  }
  if (name == "cbz" || name == "cbnz") return InstructionClass::kBranch;
  if (name == "tbb" || name == "tbh") return InstructionClass::kTableBranch;
  if (starts_with_one_of(name, {"ldm", "stm", "push", "pop"})) return InstructionClass::kMultiple;
  if (name.starts_with("ldrd")) return InstructionClass::kLoadDouble;
  if (name.starts_with("strd")) return InstructionClass::kStoreDouble;
  if (name.starts_with("ldr")) return InstructionClass::kLoad;
  if (name.starts_with("str")) {
    return words_of(address_part(operands)).size() > 1 ? InstructionClass::kStoreRegisterOffset
                                                       : InstructionClass::kStore;
  }
  if (starts_with_one_of(name, {"sdiv", "udiv"})) return InstructionClass::kDivide;
  if (starts_with_one_of(name, {"mrs", "msr"})) return InstructionClass::kSpecialRegister;
  return InstructionClass::kSimple;
}

uint64_t cortex_m4_cycles(const Instruction& instruction, const Instruction* previous) {
  const uint64_t n = instruction.executions;
  const uint64_t refill = kPipelineRefill * instruction.taken;
  const std::string_view operands = instruction.operands;
  const auto double_word = [&] { return operands.starts_with('d') ? uint64_t{1} : uint64_t{0}; };
  switch (classify(instruction)) {
    case InstructionClass::kSimple:
    case InstructionClass::kStore:
    case InstructionClass::kBranch:
      return n + refill;
    case InstructionClass::kTableBranch:
    case InstructionClass::kSpecialRegister:
    case InstructionClass::kFloatMovePair:
      return 2 * n + refill;
    case InstructionClass::kLoad:
    case InstructionClass::kStoreRegisterOffset:
      return 2 * n - pipelined(instruction, previous) + refill;
    case InstructionClass::kLoadDouble:
    case InstructionClass::kStoreDouble:
    case InstructionClass::kFloatMultiplyAccumulate:
      return 3 * n;
    case InstructionClass::kMultiple:
      return (1 + listed_words(operands)) * n + refill;
    case InstructionClass::kDivide:
      return 12 * n;
    case InstructionClass::kFloatLoad:
    case InstructionClass::kFloatStore:
      return (2 + double_word()) * n;
    case InstructionClass::kFloatDivide:
      return 14 * n;
  }
  return n;
}

}  // namespace thimble::device
