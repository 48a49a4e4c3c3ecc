/* The harness on a Cortex-M4 under QEMU: files and the end of the program by semihosting (ARM IHI 0103,
 * chapter 3). */
#include <string.h>

#include "port.h"

const uint8_t port_arena_fill = 0xA5;

extern uint8_t __stack_limit[], __stack_top[];
int main(void);
uint32_t thimble_call_measured(void (*run)(void*), void* arena, uint8_t* stack_limit);
void thimble_start(void);
void thimble_fault(const uint32_t* frame);

enum { kOpen = 1, kClose = 2, kWrite0 = 4, kWrite = 5, kRead = 6, kExitExtended = 0x20 };

static intptr_t semihost(int operation, const void* argument) {
  register intptr_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static void leave(uint32_t code) {
  const uint32_t block[2] = {0x20026 /* ADP_Stopped_ApplicationExit */, code};
  semihost(kExitExtended, block);
  for (;;) {
  }
}

intptr_t port_open(const char* name, int write) {
  const uint32_t block[3] = {(uint32_t)name, write ? 5 /* "wb" */ : 1 /* "rb" */, strlen(name)};
  const intptr_t file = semihost(kOpen, block);
  if (file < 0) port_fail("a file of the harness cannot be opened");
  return file;
}

size_t port_read(intptr_t file, void* data, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    const uint32_t block[3] = {(uint32_t)file, (uint32_t)data + done, bytes - done};
    const size_t left = (size_t)semihost(kRead, block);
    if (left >= bytes - done) break;
    done = bytes - left;
  }
  return done;
}

void port_write(intptr_t file, const void* data, size_t bytes) {
  const uint32_t block[3] = {(uint32_t)file, (uint32_t)data, bytes};
  if (bytes > 0 && semihost(kWrite, block) != 0) port_fail("a result cannot be written: is the disk full?");
}

void port_close(intptr_t file) {
  const uint32_t block[1] = {(uint32_t)file};
  if (semihost(kClose, block) != 0) port_fail("a result cannot be written: is the disk full?");
}

void port_fail(const char* message) {
  semihost(kWrite0, "thimble: ");
  semihost(kWrite0, message);
  semihost(kWrite0, "\n");
  leave(3);
}

uint32_t port_call_measured(void (*run)(void*), void* arena) {
  return thimble_call_measured(run, arena, __stack_limit);
}

/* Code and constants can only be read, and nothing but the RAM can be written: a stray write faults, as does
   a stack that outgrows its limit, which is the lowest address of the RAM. (ARMv7-M, PMSAv7; the whole map is
   the board's.) */
static void protect_memory(void) {
  volatile uint32_t* const mpu = (volatile uint32_t*)0xE000ED90;  // TYPE, CTRL, RNR, RBAR, RASR
  enum { kReadOnly = 6u << 24, kReadWrite = 3u << 24, kNeverExecute = 1u << 28, kNormalMemory = 1u << 17 };
  static const struct {
    uint32_t base, attributes, size_log2;
  } regions[] = {
      {0x00000000, kReadOnly, 22},                   // code
      {0x20000000, kReadWrite | kNeverExecute, 22},  // stack, arena, data
      {0x21000000, kReadOnly | kNeverExecute, 24},   // constants
  };
  for (uint32_t i = 0; i < sizeof regions / sizeof regions[0]; ++i) {
    mpu[2] = i;
    mpu[3] = regions[i].base;
    mpu[4] = regions[i].attributes | kNormalMemory | (regions[i].size_log2 - 1) << 1 | 1;
  }
  mpu[1] = 1;
  __asm__ volatile("dsb\n\tisb" ::: "memory");
}

void thimble_start(void) {
  protect_memory();
  leave((uint32_t)main());
}

static void write_hexadecimal(const char* label, uint32_t value) {
  char text[12] = "0x00000000 ";
  for (int digit = 0; digit < 8; ++digit) text[9 - digit] = "0123456789abcdef"[value >> (4 * digit) & 15];
  semihost(kWrite0, label);
  semihost(kWrite0, text);
}

/* Every exception ends here. `frame` is the stack pointer at its entry: eight words, the seventh the address
 * that faulted. */
void thimble_fault(const uint32_t* frame) {
  const uint8_t* const stacked = (const uint8_t*)frame;
  const int readable = stacked >= __stack_limit && stacked + 32 <= __stack_top;
  write_hexadecimal("thimble-fault: pc ", readable ? frame[6] : 0);
  write_hexadecimal("status ", *(volatile uint32_t*)0xE000ED28);
  write_hexadecimal("address ", *(volatile uint32_t*)0xE000ED34);
  semihost(kWrite0, "\n");
  leave(4);
}
