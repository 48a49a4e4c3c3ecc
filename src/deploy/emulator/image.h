#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "device/timings.h"

namespace thimble::deploy {

/// The code of a linked program as objdump shows it.
struct Image {
  struct Function {
    std::string name;
    uint32_t address = 0;
  };
  std::vector<Function> functions;                ///< by address
  std::vector<device::Instruction> instructions;  ///< by address, without counts

  /// The first address of the code, and the first one past it.
  uint32_t begin() const;
  uint32_t end() const;
  /// The function that holds an address, or null.
  const Function* function_at(uint32_t address) const;
  /// The address of a function, by its exact name.
  std::optional<uint32_t> address_of(std::string_view name) const;
};

/// Reads the output of `objdump -d`. Lines that are no instruction are passed over.
Image parse_disassembly(std::string_view text);

}  // namespace thimble::deploy
