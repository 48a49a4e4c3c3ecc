/* A 32-bit RISC-V's memory protection. */
#include "bare.h"

extern uint8_t __code_origin[], __code_bytes[], __constants_origin[], __constants_bytes[], __ram_origin[],
    __ram_bytes[];

/* Code and constants can only be read, and nothing but the RAM can be written. Entries are matched in order
   and are locked, so that they bind machine mode too (RISC-V Privileged Architecture, physical memory
   protection); a region is a power of two and lies at a multiple of it. */
void bare_protect_memory(void) {
  enum { kRead = 1, kWrite = 2, kExecute = 4, kPowerOfTwo = 3 << 3, kLocked = 1 << 7 };
  const uint32_t everything = 0xFFFFFFFF;
#define REGION(origin, bytes) ((uint32_t)(origin) >> 2 | ((uint32_t)(bytes) / 8 - 1))
  __asm__ volatile(
      ".option push\n\t.option arch, +zicsr\n\t"
      "csrw pmpaddr0, %0\n\tcsrw pmpaddr1, %1\n\tcsrw pmpaddr2, %2\n\tcsrw pmpaddr3, %3\n\t"
      "csrw pmpcfg0, %4\n\t.option pop" ::"r"(REGION(__code_origin, __code_bytes)),
      "r"(REGION(__constants_origin, __constants_bytes)), "r"(REGION(__ram_origin, __ram_bytes)),
      "r"(everything),
      "r"((uint32_t)(kRead | kExecute | kPowerOfTwo | kLocked) |
          (uint32_t)(kRead | kPowerOfTwo | kLocked) << 8 |
          (uint32_t)(kRead | kWrite | kPowerOfTwo | kLocked) << 16 | (uint32_t)(kPowerOfTwo | kLocked) << 24)
      : "memory");
#undef REGION
}
