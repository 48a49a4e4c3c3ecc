/* A Cortex-M's memory protection and faults. */
#include "bare.h"

extern uint8_t __stack_limit[], __stack_top[];
extern uint8_t __code_origin[], __code_bytes[], __constants_origin[], __constants_bytes[], __ram_origin[],
    __ram_bytes[];
void thimble_fault(const uint32_t* frame);

/* Code and constants can only be read, and nothing but the RAM can be written: a stray write faults, as does
   a stack that outgrows its limit, which is the lowest address of the RAM. (ARMv7-M, PMSAv7; the whole map is
   the board's, in powers of two.) */
void bare_protect_memory(void) {
  volatile uint32_t* const mpu = (volatile uint32_t*)0xE000ED90;  // TYPE, CTRL, RNR, RBAR, RASR
  enum { kReadOnly = 6u << 24, kReadWrite = 3u << 24, kNeverExecute = 1u << 28, kNormalMemory = 1u << 17 };
  const struct {
    const uint8_t *origin, *bytes;
    uint32_t attributes;
  } regions[] = {
      {__code_origin, __code_bytes, kReadOnly},
      {__constants_origin, __constants_bytes, kReadOnly | kNeverExecute},
      {__ram_origin, __ram_bytes, kReadWrite | kNeverExecute},
  };
  for (uint32_t i = 0; i < sizeof regions / sizeof regions[0]; ++i) {
    uint32_t size_log2 = 5;
    while (size_log2 < 31 && (uint32_t)1 << size_log2 < (uint32_t)regions[i].bytes) ++size_log2;
    mpu[2] = i;
    mpu[3] = (uint32_t)regions[i].origin;
    mpu[4] = regions[i].attributes | kNormalMemory | (size_log2 - 1) << 1 | 1;
  }
  mpu[1] = 1;
#if __ARM_ARCH == 6
  /* Only multiples of two can be loaded as a half-word and of four as a word there. */
  *(volatile uint32_t*)0xE000ED14 |= 1u << 3;  // CCR.UNALIGN_TRP
#endif
  __asm__ volatile("dsb\n\tisb" ::: "memory");
}

/* Every exception ends here. `frame` is the stack pointer at its entry: eight words, the seventh the address
 * that faulted. */
void thimble_fault(const uint32_t* frame) {
  const uint8_t* const stacked = (const uint8_t*)frame;
  const int readable = stacked >= __stack_limit && stacked + 32 <= __stack_top;
  bare_fault(readable ? frame[6] : 0, *(volatile uint32_t*)0xE000ED28, *(volatile uint32_t*)0xE000ED34);
}
