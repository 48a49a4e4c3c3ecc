#include "device/cortex_a72.h"

#include <algorithm>

#include "base/text.h"

namespace thimble::device {
namespace {

bool is_vector_or_float(std::string_view operands) {
  const char first = operands.empty() ? ' ' : operands[operands[0] == '{'];
  return first == 'v' || first == 'q' || first == 'd' || first == 's' || first == 'b' || first == 'h';
}

}  // namespace

uint64_t cortex_a72_cycles(std::span<const Instruction> code) {
  uint64_t all = 0, branches = 0, integers = 0, multicycle = 0, loads = 0, stores = 0, f0 = 0, f1 = 0, f = 0;
  for (const Instruction& one : code) {
    const std::string_view name = one.mnemonic;
    const uint64_t n = one.executions;
    all += n;
    if (starts_with_one_of(name, {"ld", "prfm"})) {
      // A pair of 128-bit registers, and each further register of a structure, is a further load.
      const bool pair = name.starts_with("ldp") && one.operands.starts_with('q');
      const auto more =
          name.starts_with("ld1") || name.starts_with("ld2") || name.starts_with("ld4")
              ? static_cast<uint64_t>(std::ranges::count(one.operands.substr(0, one.operands.find('}')), ','))
              : uint64_t{pair};
      loads += n * (1 + more);
    } else if (starts_with_one_of(name, {"st"})) {
      stores += n * (one.operands.starts_with('q') ? (name.starts_with("stp") ? 4 : 2) : 1);
    } else if (name == "b" || starts_with_one_of(name, {"b.", "bl", "br", "ret", "cb", "tb"})) {
      branches += n;
    } else if (is_vector_or_float(one.operands)) {
      if (starts_with_one_of(name, {"smull", "smlal", "umull", "umlal", "mul", "mla", "sqrdmulh", "sqdmulh",
                                    "fdiv", "fsqrt", "scvtf", "fcvt"}) &&
          name != "fmul") {
        f0 += n;
      } else if (starts_with_one_of(
                     name, {"sadalp", "uadalp", "saddlp", "sshl", "srshl", "sqshl", "sqrshl", "shl", "sshr",
                            "srshr", "ssra", "srsra", "sqxtn", "sqxtun", "shrn"})) {
        f1 += n;
      } else {
        f += n;
      }
    } else if (starts_with_one_of(name, {"mul", "madd", "msub", "smull", "smaddl", "umull", "umaddl", "smulh",
                                         "sdiv", "udiv", "mneg"})) {
      multicycle += n;
    } else {
      integers += n;
    }
  }
  return std::max({(all + 2) / 3, branches, (integers + 1) / 2, multicycle, loads, stores, f0, f1,
                   (f0 + f1 + f + 1) / 2});
}

}  // namespace thimble::device
