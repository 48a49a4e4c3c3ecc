#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "deploy/emulator/image.h"

namespace thimble::deploy {

/// The most bytes of stack that a function and all that it calls can take, from the code as it was linked:
/// what each function pushes or subtracts from the stack pointer, added up along its deepest chain of calls.
/// Interrupts come on top. Empty where the code does not say: a frame whose size is computed, recursion, or a
/// call through a register. Knows the code of Thumb, AArch64, RISC-V and Xtensa (call0).
std::optional<size_t> stack_bound(const Image& image, std::string_view function);

}  // namespace thimble::deploy
