#include "device/xtensa_lx6.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace thimble::device {
namespace {

constexpr uint64_t kRefill = 3;
constexpr size_t kLoadDelay = 2;
constexpr size_t kFloatDelay = 3;
constexpr uint64_t kFloatDivision = 169;
/// How far apart the compiler's scheduling leaves the halves of a sign extension.
constexpr size_t kSextDistance = 16;

bool changes_flow(std::string_view mnemonic) {
  return mnemonic.starts_with("b") || mnemonic.starts_with("j") || mnemonic.starts_with("call") ||
         mnemonic.starts_with("ret");
}

/// Of either instruction set.
bool is_load(std::string_view mnemonic) {
  constexpr std::array<std::string_view, 6> kRiscV = {"lb", "lbu", "lh", "lhu", "lw", "flw"};
  return mnemonic.starts_with("l8") || mnemonic.starts_with("l16") || mnemonic.starts_with("l32") ||
         mnemonic.ends_with("ldinc") || std::ranges::find(kRiscV, mnemonic) != kRiscV.end();
}

bool is_store(std::string_view mnemonic) {
  constexpr std::array<std::string_view, 4> kRiscV = {"sb", "sh", "sw", "fsw"};
  return mnemonic.starts_with("s8") || mnemonic.starts_with("s16") || mnemonic.starts_with("s32") ||
         std::ranges::find(kRiscV, mnemonic) != kRiscV.end();
}

bool divides_floats(std::string_view mnemonic) {
  return mnemonic.starts_with("fdiv") || mnemonic.starts_with("fsqrt");
}

/// How many instructions later a result can be read without waiting, less one.
size_t delay_of(std::string_view mnemonic) {
  constexpr std::array<std::string_view, 7> kSums = {"fadd.s",  "fsub.s",   "fmul.s",  "fmadd.s",
                                                     "fmsub.s", "fnmadd.s", "fnmsub.s"};
  if (is_load(mnemonic)) return kLoadDelay;
  return std::ranges::find(kSums, mnemonic) != kSums.end() ? kFloatDelay : 0;
}

/// The operands, one after another: "a5", "a2", "0" of "a5, a2, 0" and "fa5", "8", "a2" of "fa5,8(a2)".
std::string_view operand(const Instruction& instruction, size_t index) {
  std::string_view text = instruction.operands;
  for (; index > 0; --index) {
    const size_t end = text.find_first_of(",(");
    if (end == std::string_view::npos) return {};
    text.remove_prefix(std::min(text.find_first_not_of(' ', end + 1), text.size()));
  }
  return text.substr(0, text.find_first_of(",()"));
}

/// Whether `instruction` reads a register: its first operand too, if it stores, branches, sets up a loop or
/// changes the accumulator without a load.
bool reads(const Instruction& instruction, std::string_view name) {
  const std::string_view mnemonic = instruction.mnemonic;
  const bool reads_first = is_store(mnemonic) || changes_flow(mnemonic) || mnemonic == "loop" ||
                           mnemonic == "wsr.acclo" || (mnemonic.starts_with("mula") && !is_load(mnemonic));
  for (size_t i = reads_first ? 0 : 1;; ++i) {
    const std::string_view word = operand(instruction, i);
    if (word.empty()) return false;
    if (word == name) return true;
  }
}

/// Whether the instruction at `index` is the second half of a sign extension.
bool ends_sign_extension(std::span<const Instruction> code, size_t index) {
  const Instruction& right = code[index];
  const std::string_view bits = operand(right, 2);
  if (right.mnemonic != "srai" || (bits != "24" && bits != "16")) return false;
  for (size_t i = index; i-- > index - std::min(index, kSextDistance);) {
    const Instruction& left = code[i];
    if (operand(left, 0) != operand(right, 1) || !reads(right, operand(left, 0))) continue;
    return left.mnemonic == "slli" && operand(left, 2) == bits && left.executions == right.executions;
  }
  return false;
}

std::optional<uint32_t> branch_target(const Instruction& instruction) {
  const std::string_view text = instruction.operands;
  const size_t comma = text.rfind(',');
  if (!instruction.mnemonic.starts_with("b") || comma == std::string_view::npos) return std::nullopt;
  uint32_t address = 0;
  const char* const begin = text.data() + std::min(text.find_first_not_of(' ', comma + 1), text.size());
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), address, 16);
  return error == std::errc() && end != begin ? std::optional(address) : std::nullopt;
}

/// Whether the instruction at `index` jumps back over code that runs straight on: an innermost loop.
bool closes_innermost_loop(std::span<const Instruction> code, size_t index) {
  const std::optional<uint32_t> target = branch_target(code[index]);
  if (!target || *target > code[index].address) return false;
  for (size_t i = index; i-- > 0 && code[i].address >= *target;) {
    if (changes_flow(code[i].mnemonic) || code[i].mnemonic == "loop") return false;
  }
  return true;
}

/// How long the instruction at `index` waits for values that come from before it.
uint64_t wait_of(std::span<const Instruction> code, size_t index) {
  uint64_t wait = 0;
  for (size_t back = 1; back <= std::min(index, kFloatDelay); ++back) {
    const Instruction& before = code[index - back];
    if (before.address + before.size != code[index - back + 1].address || changes_flow(before.mnemonic))
      break;
    const size_t delay = delay_of(before.mnemonic);
    if (delay >= back && reads(code[index], operand(before, 0))) {
      wait = std::max<uint64_t>(wait, delay + 1 - back);
    }
  }
  return wait;
}

}  // namespace

uint64_t xtensa_lx6_cycles(std::span<const Instruction> code) {
  uint64_t cycles = 0;
  for (size_t i = 0; i < code.size(); ++i) {
    const Instruction& one = code[i];
    if (ends_sign_extension(code, i)) continue;
    if (closes_innermost_loop(code, i)) {
      cycles += one.executions - one.taken;  // LOOP, once
      continue;
    }
    cycles += one.executions * ((divides_floats(one.mnemonic) ? kFloatDivision : 1) + wait_of(code, i)) +
              (changes_flow(one.mnemonic) ? kRefill * one.taken : 0);  // LOOP goes back at no cost
  }
  return cycles;
}

}  // namespace thimble::device
