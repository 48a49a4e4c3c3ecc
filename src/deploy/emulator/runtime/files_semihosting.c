/* Files, printing and the end of the program by semihosting (ARM IHI 0103, chapter 3), which RISC-V took
 * over. */
#include <string.h>

#include "bare.h"
#include "port.h"

enum { kOpen = 1, kClose = 2, kWrite0 = 4, kWrite = 5, kRead = 6, kExitExtended = 0x20 };

#if defined __riscv
static intptr_t semihost(int operation, const void* argument) {
  register intptr_t a0 __asm__("a0") = operation;
  register const void* a1 __asm__("a1") = argument;
  /* These three, uncompressed and within one page, are the call. */
  __asm__ volatile(
      ".balign 16\n\t.option push\n\t.option norvc\n\t"
      "slli x0, x0, 0x1f\n\tebreak\n\tsrai x0, x0, 7\n\t.option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
}
#else
static intptr_t semihost(int operation, const void* argument) {
  register intptr_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}
#endif

void bare_print(const char* text) { semihost(kWrite0, text); }

void bare_exit(uint32_t code) {
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
