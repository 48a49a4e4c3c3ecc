#include "deploy/c_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>

namespace thimble::deploy {
namespace {

constexpr size_t kPrefixLimit = 32;
constexpr size_t kCommentLimit = 60;

// The locale must not change what is written, so <cctype> stays out.
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char to_lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

/// C and C++ keywords, headers of both (the file is <prefix>.h), names that Windows keeps for devices, and
/// our own files, and what CMake keeps for itself; a network's name is its target's, too.
constexpr std::string_view kTaken[] = {"alignas",
                                       "alignof",
                                       "and",
                                       "and_eq",
                                       "asm",
                                       "auto",
                                       "bitand",
                                       "bitor",
                                       "bool",
                                       "break",
                                       "case",
                                       "catch",
                                       "char",
                                       "class",
                                       "compl",
                                       "concept",
                                       "const",
                                       "consteval",
                                       "constexpr",
                                       "constinit",
                                       "continue",
                                       "co_await",
                                       "co_return",
                                       "co_yield",
                                       "decltype",
                                       "default",
                                       "delete",
                                       "do",
                                       "double",
                                       "dynamic_cast",
                                       "else",
                                       "enum",
                                       "explicit",
                                       "export",
                                       "extern",
                                       "false",
                                       "float",
                                       "for",
                                       "friend",
                                       "goto",
                                       "if",
                                       "inline",
                                       "int",
                                       "long",
                                       "mutable",
                                       "namespace",
                                       "new",
                                       "noexcept",
                                       "not",
                                       "not_eq",
                                       "nullptr",
                                       "operator",
                                       "or",
                                       "or_eq",
                                       "private",
                                       "protected",
                                       "public",
                                       "register",
                                       "reinterpret_cast",
                                       "requires",
                                       "restrict",
                                       "return",
                                       "short",
                                       "signed",
                                       "sizeof",
                                       "static",
                                       "static_assert",
                                       "static_cast",
                                       "struct",
                                       "switch",
                                       "template",
                                       "this",
                                       "thread_local",
                                       "throw",
                                       "true",
                                       "try",
                                       "typedef",
                                       "typeid",
                                       "typename",
                                       "union",
                                       "unsigned",
                                       "using",
                                       "virtual",
                                       "void",
                                       "volatile",
                                       "wchar_t",
                                       "while",
                                       "xor",
                                       "xor_eq",
                                       "assert",
                                       "complex",
                                       "ctype",
                                       "errno",
                                       "fenv",
                                       "inttypes",
                                       "iso646",
                                       "limits",
                                       "locale",
                                       "math",
                                       "setjmp",
                                       "signal",
                                       "stdalign",
                                       "stdarg",
                                       "stdatomic",
                                       "stdbit",
                                       "stdbool",
                                       "stdckdint",
                                       "stddef",
                                       "stdint",
                                       "stdio",
                                       "stdlib",
                                       "stdnoreturn",
                                       "string",
                                       "strings",
                                       "tgmath",
                                       "threads",
                                       "time",
                                       "uchar",
                                       "unistd",
                                       "wchar",
                                       "wctype",
                                       "arduino",
                                       "con",
                                       "prn",
                                       "aux",
                                       "nul",
                                       "main",
                                       "model_main",
                                       "kernels",
                                       "readme",
                                       "all",
                                       "alloca",
                                       "arm_bf16",
                                       "arm_fp16",
                                       "arm_neon",
                                       "clean",
                                       "edit_cache",
                                       "endian",
                                       "features",
                                       "help",
                                       "install",
                                       "malloc",
                                       "newlib",
                                       "package",
                                       "package_source",
                                       "picolibc",
                                       "preinstall",
                                       "rebuild_cache",
                                       "run_tests",
                                       "strings",
                                       "test",
                                       "unistd",
                                       "xlocale",
                                       "zero_check"};

bool is_taken(std::string_view name) {
  const bool device =
      name.size() == 4 && (name.starts_with("com") || name.starts_with("lpt")) && is_digit(name[3]);
  return device || std::ranges::find(kTaken, name) != std::end(kTaken);
}

}  // namespace

std::string c_prefix(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const char lower = to_lower(c);
    if (is_lower(lower) || is_digit(lower)) {
      name += lower;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
    if (name.size() == kPrefixLimit) break;
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  const bool kernel_name = name.starts_with("thimble");
  if (name.empty()) return "model";
  if (is_digit(name[0]) || kernel_name || is_taken(name)) name.insert(0, "model_");
  name.resize(std::min(name.size(), kPrefixLimit));
  while (name.back() == '_') name.pop_back();
  return name;
}

std::string c_operator_name(std::string_view op) {
  std::string name;
  for (size_t i = 0; i < op.size(); ++i) {
    if (i > 0 && is_upper(op[i]) && is_lower(op[i - 1])) name += '_';
    name += to_lower(op[i]);
  }
  return name;
}

std::string c_comment(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (safe.size() >= kCommentLimit) {
      safe += "...";
      break;
    }
    const char kept = c >= ' ' && c <= '~' && c != '\\' ? c : '.';
    const char before = safe.empty() ? ' ' : safe.back();
    const bool mark =
        (before == '*' && kept == '/') || (before == '/' && kept == '*') || (before == '?' && kept == '?');
    if (mark) safe += ' ';
    safe += kept;
  }
  // A mark could also form with what the writer puts around the text.
  if (!safe.empty() && (safe.front() == '/' || safe.front() == '*')) safe.insert(safe.begin(), ' ');
  if (!safe.empty() && (safe.back() == '/' || safe.back() == '*')) safe += ' ';
  return safe;
}

std::string c_string(std::string_view text) {
  std::string literal = "\"";
  for (const char c : text) {
    // Three octal digits end by themselves; a hexadecimal escape would swallow what follows.
    const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '?' && c != '%';
    literal += plain ? std::string(1, c) : fmt::format("\\{:03o}", static_cast<unsigned char>(c));
  }
  return literal + "\"";
}

std::string c_float(float value) {
  assert(std::isfinite(value));
  std::string text = fmt::format("{:.9g}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + "F";
}

std::string c_int32(int32_t value) {
  // The literal 2147483648 does not fit an int, so its negation is not one either.
  if (value == std::numeric_limits<int32_t>::min()) return "(-2147483647 - 1)";
  return fmt::format("{}", value);
}

std::string upper_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

}  // namespace thimble::deploy
