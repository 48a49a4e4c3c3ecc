#include "deploy/emulator/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace thimble::deploy {
namespace {

std::optional<uint32_t> parse_hexadecimal(std::string_view text) {
  uint32_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Takes the text up to the next tab from `rest`.
std::string_view next_field(std::string_view& rest) {
  const size_t tab = rest.find('\t');
  const std::string_view field = rest.substr(0, tab);
  rest = tab == std::string_view::npos ? std::string_view{} : rest.substr(tab + 1);
  return trimmed(field);
}

/// The bytes of "f44f 0170" or "00000297".
uint32_t bytes_of(std::string_view opcode) {
  const auto digits =
      std::count_if(opcode.begin(), opcode.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  return static_cast<uint32_t>(digits / 2);
}

/// Xtensa instructions that an lx106 lacks, which its objdump calls "excw": those of MAC16 that kernels/mac16
/// uses (the result or what is loaded first, as everywhere), and LOOP.
void name_lx6(uint32_t opcode, device::Instruction& instruction) {
  const auto field = [&](int bit, uint32_t mask = 0xF) { return opcode >> bit & mask; };
  const std::array<const char*, 4> halves = {"ll", "hl", "lh", "hh"};
  const uint32_t t = field(4);
  const uint32_t s = field(8);
  const uint32_t first = field(14, 1);
  const uint32_t second = 2 + field(6, 1);
  const uint32_t operation = field(20);
  const bool adds = field(18, 3) == 2;
  if (field(0) == 4 && adds && (operation == 0 || operation == 2 || operation == 4)) {
    const bool loads = operation != 2;
    instruction.mnemonic = fmt::format("mula.{}.{}{}", operation == 4 ? "da" : "dd", halves[field(16, 3)],
                                       loads ? ".ldinc" : "");
    instruction.operands =
        (loads ? fmt::format("m{}, a{}, ", field(12, 3), s) : "") +
        fmt::format("m{}, {}{}", first, operation == 4 ? "a" : "m", operation == 4 ? t : second);
  } else if (field(0) == 4 && operation == 8) {
    instruction.mnemonic = "ldinc";
    instruction.operands = fmt::format("m{}, a{}", field(12, 3), s);
  } else if (field(0, 0xFF) == 0x76 && field(12) == 8) {
    instruction.mnemonic = "loop";
    instruction.operands = fmt::format("a{}", s);
  } else if ((opcode & 0xFFFF0F) == 0x031000 || (opcode & 0xFFFF0F) == 0x131000) {
    instruction.mnemonic = field(20) == 0 ? "rsr.acclo" : "wsr.acclo";
    instruction.operands = fmt::format("a{}", t);
  }
}

/// "00000040 <thimble_reset>:"
std::optional<Image::Function> parse_heading(std::string_view line) {
  const size_t open = line.find(" <");
  if (open == std::string_view::npos || !line.ends_with(">:")) return std::nullopt;
  const auto address = parse_hexadecimal(line.substr(0, open));
  if (!address) return std::nullopt;
  return Image::Function{std::string(line.substr(open + 2, line.size() - open - 4)), *address};
}

/// "      44:\tf44f 0170 \tmov.w\tr1, #15728640\t@ 0xf00000"
std::optional<device::Instruction> parse_instruction(std::string_view line) {
  std::string_view rest = line;
  std::string_view address_field = next_field(rest);
  if (!address_field.ends_with(':')) return std::nullopt;
  address_field.remove_suffix(1);
  const auto address = parse_hexadecimal(address_field);
  const std::string_view opcode = next_field(rest);
  const std::string_view mnemonic = next_field(rest);
  if (!address || opcode.empty() || mnemonic.empty() || mnemonic[0] == '.') return std::nullopt;
  std::string_view operands = next_field(rest);
  operands = trimmed(operands.substr(0, operands.find_first_of(";@")));
  device::Instruction instruction{.address = *address,
                                  .size = bytes_of(opcode),
                                  .mnemonic = std::string(mnemonic),
                                  .operands = std::string(operands)};
  if (mnemonic == "excw") name_lx6(parse_hexadecimal(opcode).value_or(0), instruction);
  return instruction;
}

}  // namespace

uint32_t Image::begin() const { return instructions.empty() ? 0 : instructions.front().address; }

uint32_t Image::end() const {
  return instructions.empty() ? 0 : instructions.back().address + instructions.back().size;
}

const Image::Function* Image::function_at(uint32_t address) const {
  const auto after =
      std::upper_bound(functions.begin(), functions.end(), address,
                       [](uint32_t value, const Function& function) { return value < function.address; });
  return after == functions.begin() ? nullptr : &*(after - 1);
}

std::optional<uint32_t> Image::address_of(std::string_view name) const {
  for (const Function& function : functions) {
    if (function.name == name) return function.address;
  }
  return std::nullopt;
}

Image parse_disassembly(std::string_view text) {
  Image image;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (auto function = parse_heading(line)) {
      image.functions.push_back(std::move(*function));
    } else if (auto instruction = parse_instruction(line)) {
      image.instructions.push_back(std::move(*instruction));
    }
  }
  return image;
}

}  // namespace thimble::deploy
