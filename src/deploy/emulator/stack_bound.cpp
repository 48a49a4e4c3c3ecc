#include "deploy/emulator/stack_bound.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string>
#include <vector>

namespace thimble::deploy {
namespace {

using device::Instruction;

/// "#-16", "-32", "0x20"
std::optional<int64_t> number(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('#')) text.remove_prefix(1);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  int64_t value = 0;
  const auto [end, failed] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (failed != std::errc() || end == text.data()) return std::nullopt;
  return negative ? -value : value;
}

/// The bytes of "{r4, r5, lr}" or "{d8-d15}".
int64_t bytes_of_registers(std::string_view list) {
  int64_t registers = 0;
  int64_t register_bytes = 4;
  for (size_t at = list.find_first_not_of("{, "); at != std::string_view::npos;) {
    const size_t end = std::min(list.find_first_of(",}", at), list.size());
    const std::string_view item = list.substr(at, end - at);
    const size_t dash = item.find('-');
    if (item[0] == 'd') register_bytes = 8;
    registers += 1;
    if (dash != std::string_view::npos) {
      registers += number(item.substr(dash + 2)).value_or(0) - number(item.substr(1, dash - 1)).value_or(0);
    }
    at = list.find_first_not_of("{}, ", end);
  }
  return registers * register_bytes;
}

/// What an instruction takes of the stack; nothing where that is computed.
std::optional<int64_t> taken_bytes(const Instruction& instruction) {
  const std::string_view mnemonic = instruction.mnemonic;
  const std::string_view operands = instruction.operands;
  if (mnemonic.starts_with("push") || mnemonic.starts_with("vpush")) return bytes_of_registers(operands);
  for (const std::string_view store : {"stmdb", "vstmdb"}) {
    if (mnemonic.starts_with(store) && operands.starts_with("sp!"))
      return bytes_of_registers(operands.substr(operands.find('{')));
  }
  // A store that moves the stack pointer first: "r4, [sp, #-16]!".
  const size_t moved = operands.find("[sp, #-");
  if (moved != std::string_view::npos && operands.ends_with("]!")) {
    const auto offset = number(operands.substr(moved + 5));
    return offset ? std::optional(-*offset) : std::nullopt;
  }
  const bool subtracts = mnemonic.starts_with("sub");
  const bool adds = mnemonic.starts_with("add");
  if (!subtracts && !adds) return 0;
  const std::array pointers = {std::string_view("sp"), std::string_view("a1")};
  for (const std::string_view pointer : pointers) {
    if (!operands.starts_with(pointer) || operands.substr(pointer.size(), 1) != ",") continue;
    // On RISC-V a1 is no stack pointer; there and on Xtensa it must be changed in place to be one.
    const std::string twice = std::string(pointer) + ", " + std::string(pointer) + ",";
    const std::string tight = std::string(pointer) + "," + std::string(pointer) + ",";
    std::string_view amount = operands.substr(pointer.size() + 1);
    if (operands.starts_with(twice)) {
      amount = operands.substr(twice.size());
    } else if (operands.starts_with(tight)) {
      if (pointer == "a1") continue;
      amount = operands.substr(tight.size());
    } else if (pointer == "a1" || amount.find(',') != std::string_view::npos) {
      continue;
    }
    auto value = number(amount);
    if (!value) return std::nullopt;
    const size_t shift = amount.find("lsl #");
    if (shift != std::string_view::npos) *value <<= number(amount.substr(shift + 5)).value_or(0);
    return std::max<int64_t>(subtracts ? *value : -*value, 0);
  }
  return 0;
}

/// Whether control may go where only a register knows, and does not come from there: a return.
bool goes_through_register(const Instruction& instruction) {
  const std::string_view mnemonic = instruction.mnemonic;
  const std::string_view operands = instruction.operands;
  if (operands.find('<') != std::string_view::npos) return false;
  if (mnemonic == "bx") return operands != "lr";
  if (mnemonic == "jr") return operands != "ra";
  if (mnemonic == "jx") return operands != "a0";
  for (const std::string_view indirect : {"blx", "blr", "br", "jalr", "callx0", "callx4", "callx8"}) {
    if (mnemonic == indirect) return true;
  }
  // "pc, [sp], #4" is a return.
  return mnemonic.starts_with("ldr") && operands.starts_with("pc,") && !operands.starts_with("pc, [sp]");
}

/// The address in "1a2c <memcpy>" or "ra,80000a10 <memcpy>".
std::optional<uint32_t> target_of(const Instruction& instruction) {
  const std::string_view operands = instruction.operands;
  const size_t open = operands.find(" <");
  if (open == std::string_view::npos) return std::nullopt;
  const size_t begin = operands.find_last_of(" ,", open - 1) + 1;  // npos + 1 is 0
  uint32_t address = 0;
  const auto [end, failed] = std::from_chars(operands.data() + begin, operands.data() + open, address, 16);
  if (failed != std::errc() || end != operands.data() + open) return std::nullopt;
  return address;
}

/// Loads of constants and addresses name what they load as branches name where they go.
bool is_branch(const Instruction& instruction) {
  const std::string_view mnemonic = instruction.mnemonic;
  return mnemonic.starts_with('b') || mnemonic.starts_with('j') || mnemonic.starts_with("call") ||
         mnemonic.starts_with("cb") || mnemonic.starts_with("tb");
}

bool is_call(const Instruction& instruction) {
  const std::array calls = {"bl", "blx", "jal", "call0"};
  return std::ranges::find(calls, instruction.mnemonic) != calls.end();
}

class Walk {
 public:
  explicit Walk(const Image& image) : image_(image) {}

  std::optional<size_t> bound_of(const Image::Function& function) {
    const auto known = bounds_.find(function.address);
    if (known != bounds_.end()) return known->second;  // empty while it is walked: recursion
    bounds_[function.address] = std::nullopt;
    size_t frame = 0;
    size_t deepest = 0;
    auto at = std::ranges::lower_bound(image_.instructions, function.address, {}, &Instruction::address);
    for (; at != image_.instructions.end() && image_.function_at(at->address) == &function; ++at) {
      const auto taken = taken_bytes(*at);
      if (!taken || goes_through_register(*at)) return std::nullopt;
      frame += static_cast<size_t>(*taken);
      const auto target = is_branch(*at) ? target_of(*at) : std::nullopt;
      const Image::Function* const callee = target ? image_.function_at(*target) : nullptr;
      if (callee == nullptr || callee == &function) {
        if (target && *target == function.address && is_call(*at)) return std::nullopt;  // recursion
        continue;
      }
      const std::optional<size_t> below = bound_of(*callee);
      if (!below) return std::nullopt;
      deepest = std::max(deepest, *below);
    }
    return bounds_[function.address] = frame + deepest;
  }

 private:
  const Image& image_;
  std::map<uint32_t, std::optional<size_t>> bounds_;
};

}  // namespace

std::optional<size_t> stack_bound(const Image& image, std::string_view function) {
  const auto address = image.address_of(function);
  const Image::Function* const start = address ? image.function_at(*address) : nullptr;
  return start == nullptr ? std::nullopt : Walk(image).bound_of(*start);
}

}  // namespace thimble::deploy
